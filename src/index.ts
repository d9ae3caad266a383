export { BearerToken, EventBridgeApi } from "./api/EventBridgeApi.ts"
export { AuditHead, AuditLine } from "./domain/AuditLine.ts"
export { AuditFault, AuditVerification } from "./domain/AuditVerification.ts"
export { AuditRecord, ReplayAuditRecord, SubscriptionAuditRecord } from "./domain/AuditRecord.ts"
export { Classification } from "./domain/Classification.ts"
export { clientVersion } from "./domain/ClientVersion.ts"
export { DeadLetter, type UnreadableLetter } from "./domain/DeadLetter.ts"
export type { DeadLetterPage } from "./domain/DeadLetterPage.ts"
export {
  DuplicateDetected,
  EventBridgeError,
  Forbidden,
  MalformedResponse,
  MaxRetriesExceeded,
  NetworkFailure,
  NotFound,
  PayloadTooLarge,
  RateLimited,
  RateLimiterFailure,
  Reason,
  RequestTimeout,
  SchemaViolation,
  ServerTransient,
  ServiceUnavailable,
  TryReason,
  Unauthorized,
  UnknownFailure
} from "./domain/EventBridgeError.ts"
export { InvalidConfiguration } from "./domain/InvalidConfiguration.ts"
export { describeHolder, LeaseHeld, LeaseHolder, LeaseLost } from "./domain/Lease.ts"
export * as LosslessJson from "./domain/LosslessJson.ts"
export { MetricSnapshot } from "./domain/MetricSnapshot.ts"
export { Operation } from "./domain/Operation.ts"
export {
  AuditError,
  CheckpointError,
  CheckpointMismatch,
  DestinationForbidden,
  HaltCause,
  InvalidReplayOptions,
  ReplayHalted,
  RunInProgress,
  RunStopped,
  TooManyFailures,
  TooManyHeldKeys
} from "./domain/ReplayError.ts"
export { classificationOf, ReplayOutcome } from "./domain/ReplayOutcome.ts"
export { ReplayPlan } from "./domain/ReplayPlan.ts"
export { NotificationCounts, ReplayReport } from "./domain/ReplayReport.ts"
export { maxPayloadBytes, ReplayBody, ReplayReceipt, type ReplayRequest } from "./domain/ReplayRequest.ts"
export { OutcomeCounts } from "./domain/ReplayTally.ts"
export type { RetryPolicy } from "./domain/RetryPolicy.ts"
export { RunCheckpoint, RunOptions } from "./domain/RunCheckpoint.ts"
export { RunState, RunSummary, StoredRun, UnreadableRun } from "./domain/RunSummary.ts"
export { describe as describeSkip, reason as skipReasonOf, Skip, SkipReason } from "./domain/Skip.ts"
export { DeliveryStatus, isDelivering, Subscription } from "./domain/Subscription.ts"
export type { SubscriptionChange } from "./domain/SubscriptionChange.ts"
export { defaultVocabulary, SubscriptionDefinition, type Vocabulary } from "./domain/SubscriptionDefinition.ts"
export {
  AmbiguousName,
  DeliveryNotConfirmed,
  InvalidSubscription,
  QuotaExceeded,
  RegistrySyncFailed,
  WriteNotApplied,
  WriteUnconfirmed
} from "./domain/SubscriptionError.ts"
export { maxSubscriptions, SubscriptionAction, type SubscriptionPlan } from "./domain/SubscriptionPlan.ts"
export { Audit, AuditMemory } from "./services/Audit.ts"
export type { AuditFileOptions } from "./services/AuditFile.ts"
export type { VerifyOptions } from "./services/AuditVerifier.ts"
export * as CheckpointFiles from "./services/CheckpointFiles.ts"
export * as CheckpointSql from "./services/CheckpointSql.ts"
export { Checkpoints } from "./services/Checkpoints.ts"
export {
  type Authorized,
  type AuthorizedCall,
  AuthorizedHttp,
  type AuthorizedRequest
} from "./services/AuthorizedHttp.ts"
export { checkDestination, type DestinationPolicy } from "./services/DestinationGuard.ts"
export { EventBridgeConfig } from "./services/EventBridgeConfig.ts"
export type { EventBridgeOptions, Timeouts } from "./services/EventBridgeOptions.ts"
export {
  EventBridgeHttp,
  type PageRequest,
  type ReplayAnswer,
  type SubscriptionPage,
  type SubscriptionWrite
} from "./services/EventBridgeHttp.ts"
export { IdempotencyKeys, type KeyedWrite } from "./services/IdempotencyKeys.ts"
export type { Lease } from "./services/LeaseKeeper.ts"
export { type BreakerState, Metrics } from "./services/Metrics.ts"
export { type Notifications, Notifier, type NotifierOptions } from "./services/Notifier.ts"
export { ProcessIdentity, ProcessOwner } from "./services/ProcessIdentity.ts"
export { Registry } from "./services/Registry.ts"
export { type RunLease, RunStore } from "./services/RunStore.ts"
export { type AccessToken, Token } from "./services/Token.ts"
export type { Answer, Try } from "./services/Exchange.ts"
export { type Progress, Transport, type TryError } from "./services/Transport.ts"
export { DeadLetterQueue, type QueueOptions } from "./workflows/DeadLetterQueue.ts"
export { EventBridge, type Requirements } from "./workflows/EventBridge.ts"
export { Replay, type RunRequest, type StartError } from "./workflows/Replay.ts"
export type { ReplayOptions, RunIdentity } from "./workflows/ReplayOptions.ts"
export type { ReplayRun } from "./workflows/ReplayRun.ts"
export {
  type ApplyFailure,
  ApplyIncomplete,
  type HeldBack,
  type SubscriptionError,
  type SubscriptionResult
} from "./workflows/SubscriptionApply.ts"
export { type ConfirmOptions, Subscriptions } from "./workflows/Subscriptions.ts"
