import { Stream } from "effect"
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

/** All of them at once. */
export const all = (http: EventBridgeHttp["Service"]) => Stream.runCollect(stream(http))
