// A letter and its request as a script handles them, without the library.

export interface Letter {
  readonly eventId: string
  readonly topicId: string
  readonly payload?: unknown
  readonly failureReason?: string | null | undefined
  readonly retryCount?: number | null | undefined
  readonly firstFailureTimestamp?: string | null | undefined
  readonly lastFailureTimestamp?: string | null | undefined
}

export interface Run {
  readonly initiatedAt: string
  readonly clientVersion: string
}

export const bodyOf = (letter: Letter, run: Run) => {
  const currentAttempt = (letter.retryCount ?? 0) + 1
  return {
    eventId: letter.eventId,
    idempotencyKey: `replay-${letter.eventId}-v${currentAttempt}`,
    originalPayload: letter.payload,
    retryMatrix: {
      currentAttempt,
      maxAllowed: 5,
      firstFailure: letter.firstFailureTimestamp ?? null,
      lastFailure: letter.lastFailureTimestamp ?? null,
      failureReason: letter.failureReason ?? null
    },
    routingDirective: { destinationOverride: null, preserveOriginalTopic: true },
    replayMetadata: { initiatedAt: run.initiatedAt, clientVersion: run.clientVersion }
  }
}
