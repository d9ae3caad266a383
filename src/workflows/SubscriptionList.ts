import { Effect, Stream } from "effect"
import type { Subscription } from "../domain/Subscription.ts"
import type { EventBridgeHttp } from "../services/EventBridgeHttp.ts"
import * as PagedList from "./PagedList.ts"

const pageSize = 100

/** The subscriptions of the organization, as the service lists them. */
export const stream = ({ listSubscriptions }: EventBridgeHttp["Service"]) =>
  PagedList.pages(
    "ListSubscriptions",
    (nextPageToken) => listSubscriptions({ limit: pageSize, nextPageToken }),
    undefined
  ).pipe(Stream.flatMap(({ subscriptions }) => Stream.fromIterable(subscriptions)))

/** All of them, each once: if the list changes while it is read, an entry can be on two pages. */
export const all = (http: EventBridgeHttp["Service"]) =>
  Effect.map(Stream.runCollect(stream(http)), (listed): ReadonlyArray<Subscription> =>
    Array.from(new Map(listed.map((subscription) => [subscription.id, subscription])).values())
  )
