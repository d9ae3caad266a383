import type { SubscriptionDefinition } from "../../../src/index.ts"

/** A definition that is valid, with whatever a test is about. */
export const definition = (name: string, members: Partial<SubscriptionDefinition> = {}): SubscriptionDefinition => ({
  name,
  description: "first",
  eventType: "contact.created",
  filters: [
    { field: "contact.channelType", operator: "eq", value: "voice" },
    { field: "contact.region", operator: "in", value: ["eu", "us"] }
  ],
  endpoints: [
    { url: "https://consumer.example.com/webhook", type: "webhook" },
    { url: "https://other.example.com/queue", type: "queue" }
  ],
  deadLetterQueue: { enabled: true, endpointUrl: "https://dlq.example.com/events" },
  retryConfiguration: { maxRetries: 5, backoffStrategy: "exponential", initialDelayMs: 1000, maxDelayMs: 10_000 },
  ...members
})
