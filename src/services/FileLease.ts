import { Clock, DateTime, Duration, Effect, FileSystem, Option, type PlatformError, Schema, type Scope } from "effect"
import { SecureRandom } from "effect/crypto"
import { causesOf } from "../domain/Causes.ts"
import { LeaseHeld, type LeaseHolder, type LeaseLost } from "../domain/Lease.ts"
import * as LeaseKeeper from "./LeaseKeeper.ts"
import { isGone, ProcessIdentity, ProcessOwner } from "./ProcessIdentity.ts"

/** A lease on a path. */
export interface FileLease extends LeaseKeeper.Lease {
  /** Ends the lease and leaves no trace of it, for when what it was for has been removed. */
  readonly discard: Effect.Effect<void, LeaseLost | PlatformError.PlatformError>
}

// A lease on `path` is a folder beside it that holds files with numbers, and the highest number is the lease. It is
// taken over, and renewed, by creating the next number, which only one process can do: whoever acts on an outdated
// listing, however late, finds that number taken. A file never changes; its age shows whether the owner is still alive.

/** What a file says; `id` differs between any two leases. */
const Content = Schema.fromJsonString(Schema.Struct({ id: Schema.String, owner: ProcessOwner, since: Schema.String }))
const decode = Schema.decodeUnknownOption(Content)
const encode = Schema.encodeSync(Content)

interface Place {
  readonly fs: FileSystem.FileSystem
  readonly folder: string
}

interface Numbered {
  readonly number: number
  readonly isReleased: boolean
}

const isTag =
  (tag: PlatformError.SystemErrorTag) =>
  (error: PlatformError.PlatformError): boolean =>
    error.reason._tag === tag
const isNotFound = isTag("NotFound")

/** What was listed is no longer there. */
const isRace = (error: LeaseHeld | LeaseKeeper.Overtaken | PlatformError.PlatformError): boolean =>
  error._tag === "Overtaken" || (error._tag === "PlatformError" && isNotFound(error))

const place = (path: string) => Effect.map(FileSystem.FileSystem, (fs): Place => ({ fs, folder: `${path}.lease` }))

const numbered = (name: string): Numbered | undefined => {
  const [, digits, suffix] = /^(\d+)(\.released)?$/.exec(name) ?? []
  return digits === undefined ? undefined : { number: Number(digits), isReleased: suffix !== undefined }
}

/** If both `7` and `7.released` are there, `claim` is about to withdraw `7`. */
const latest = ({ folder, fs }: Place) =>
  Effect.map(fs.readDirectory(folder), (names) =>
    names
      .map(numbered)
      .filter((found) => found !== undefined)
      .reduce((a, b) => (b.number > a.number || (b.number === a.number && b.isReleased) ? b : a), {
        number: 0,
        isReleased: true
      })
  )

/** Who holds the latest number, by what is known of its owner, or else by the age of the file as of `now`. */
const holderOf = Effect.fnUntraced(function* ({ folder, fs }: Place, { isReleased, number }: Numbered, now: number) {
  if (isReleased) return Option.none<LeaseHolder>()
  const file = `${folder}/${number}`
  const content = decode(yield* fs.readFileString(file))
  const writtenAt = Option.map((yield* fs.stat(file)).mtime, (date) => date.getTime())
  const isExpired = Option.exists(writtenAt, (millis) => now - millis >= LeaseKeeper.expiryMillis)
  const isFree = Option.isNone(content) ? isExpired : yield* isGone(content.value.owner, isExpired)
  if (isFree) return Option.none<LeaseHolder>()
  return Option.some<LeaseHolder>(
    Option.match(content, {
      onNone: () => ({
        host: "",
        pid: 0,
        since: DateTime.formatIso(DateTime.makeUnsafe(Option.getOrElse(writtenAt, () => now)))
      }),
      onSome: ({ owner: { host, pid }, since }) => ({ host, pid, since })
    })
  )
})

const draftEnd = ".draft"

/** A file with the content of a lease, which becomes one only under a number. */
const draft = <A, E, R>(
  { folder, fs }: Place,
  content: string,
  use: (file: string) => Effect.Effect<A, E, R>
): Effect.Effect<A, E | PlatformError.PlatformError, R> =>
  Effect.suspend(() => {
    const file = `${folder}/${SecureRandom.uuidV7Unsafe()}${draftEnd}`
    return Effect.acquireUseRelease(
      fs.writeFileString(file, content, { flag: "wx" }),
      () => use(file),
      () => Effect.ignore(fs.remove(file, { force: true }))
    )
  })

/** Creates a file, complete from the start, unless there is one of that name. */
const create = ({ fs }: Place, content: string, from: string, file: string) =>
  fs.link(from, file).pipe(
    Effect.catchIf(
      (error) => !isNotFound(error) && !isTag("AlreadyExists")(error),
      // No links here: a crash can then leave a file without content, whose owner nobody knows, and which expires.
      () => fs.writeFileString(file, content, { flag: "wx" })
    ),
    Effect.as(true),
    // It can be our own, from a try whose answer was lost or whose next step failed.
    Effect.catchIf(isTag("AlreadyExists"), () => Effect.map(fs.readFileString(file), (text) => text === content))
  )

/**
 * Makes `number` ours. Nothing here is brought to disk: a power cut ends the process that holds the lease as well.
 */
const claim = Effect.fnUntraced(function* (at: Place, content: string, from: string, number: number) {
  const { folder, fs } = at
  const file = `${folder}/${number}`
  if (!(yield* create(at, content, from, file))) return yield* new LeaseKeeper.Overtaken()
  const confirm = Effect.gen(function* () {
    const names = yield* fs.readDirectory(folder)
    const later = names.map(numbered).filter((found) => found !== undefined && found.number >= number)
    // The number, or a later one, had been in use before: we acted on an outdated listing.
    if (later.some((found) => found?.number !== number || found.isReleased)) return yield* new LeaseKeeper.Overtaken()
    return names
  })
  const names = yield* Effect.tapError(confirm, () => Effect.ignore(fs.remove(file, { force: true })))
  // The number before stays: a listing in progress may miss what is created meanwhile, and must not come out empty.
  const isOver = (name: string) => {
    const found = numbered(name)
    return found === undefined ? name.endsWith(draftEnd) && `${folder}/${name}` !== from : found.number < number - 1
  }
  // What cannot be removed now is removed after the next number.
  yield* Effect.forEach(names.filter(isOver), (name) => Effect.ignore(fs.remove(`${folder}/${name}`)), {
    discard: true
  })
})

/** Whether writing a lease took so long that others may already see it as expired: they count from its file's date. */
const isLate = (startedAt: number) =>
  Effect.map(Clock.currentTimeMillis, (now) => now - startedAt >= Duration.toMillis(LeaseKeeper.renewal))

/** Takes the lease if it is free, and returns its number. */
const take = Effect.fnUntraced(function* (path: string, at: Place, content: string) {
  const { folder, fs } = at
  yield* Effect.catchIf(fs.makeDirectory(folder), isTag("AlreadyExists"), () => Effect.void)
  const startedAt = yield* Clock.currentTimeMillis
  return yield* draft(at, content, (file) =>
    Effect.gen(function* () {
      // The clock of the file system dates both files, so that clocks that differ between machines do not matter.
      const now = Option.match((yield* fs.stat(file)).mtime, { onNone: () => 0, onSome: (date) => date.getTime() })
      const found = yield* latest(at)
      const holder = yield* holderOf(at, found, now)
      if (Option.isSome(holder)) return yield* new LeaseHeld({ resource: path, holder: holder.value })
      const number = found.number + 1
      yield* claim(at, content, file, number)
      if (!(yield* isLate(startedAt))) return number
      yield* release(at, number)
      return yield* new LeaseKeeper.Overtaken()
    })
  )
})

/** Needs no room on the disk. */
const release = ({ folder, fs }: Place, number: number) =>
  Effect.catchIf(fs.rename(`${folder}/${number}`, `${folder}/${number}.released`), isNotFound, () => Effect.void)

/**
 * Holds `path` for this process alone, until the scope closes. What is at `path` is not touched; the lease is the
 * folder `<path>.lease`. A lease whose owner died is taken at once where `ProcessIdentity` can tell, otherwise 30 s
 * after its last renewal.
 */
export const acquire = Effect.fnUntraced(function* (
  path: string
): Effect.fn.Return<FileLease, LeaseHeld | PlatformError.PlatformError, FileSystem.FileSystem | Scope.Scope> {
  const at = yield* place(path)
  const { self } = yield* ProcessIdentity
  const since = DateTime.formatIso(yield* DateTime.now)
  const content = encode({ id: SecureRandom.uuidV7Unsafe(), owner: self, since })
  let isDiscarded = false

  let number = 0
  yield* Effect.acquireRelease(
    take(path, at, content).pipe(
      Effect.tap((taken) => Effect.sync(() => (number = taken))),
      Effect.retry({ times: 20, while: isRace }),
      Effect.catchTag("Overtaken", () =>
        Effect.fail(new LeaseHeld({ resource: path, holder: { host: "", pid: 0, since } }))
      )
    ),
    () =>
      isDiscarded
        ? Effect.void
        : Effect.catch(release(at, number), (error) =>
            Effect.logWarning(`${path} stays in use for a while, its release failed: ${causesOf(error)}`)
          )
  )

  const renew: Effect.Effect<void, LeaseKeeper.Overtaken | PlatformError.PlatformError> = Effect.gen(function* () {
    const startedAt = yield* Clock.currentTimeMillis
    yield* draft(at, content, (file) =>
      // The number that is released at the end has to be the one that was claimed.
      Effect.uninterruptible(Effect.tap(claim(at, content, file, number + 1), () => Effect.sync(() => number++)))
    )
    if (yield* isLate(startedAt)) yield* renew
  })
  const lease = yield* LeaseKeeper.keep(path, renew)

  return {
    ...lease,
    discard: Effect.gen(function* () {
      yield* lease.check
      // Moved away in one step, so that whoever is about to create a number in it fails.
      const trash = `${at.folder}.${SecureRandom.uuidV7Unsafe()}`
      yield* at.fs.rename(at.folder, trash)
      isDiscarded = true
      yield* at.fs.remove(trash, { recursive: true, force: true })
    })
  }
})

/** Who holds `path` now, if anybody does. */
export const holder = Effect.fnUntraced(
  function* (path: string) {
    const at = yield* place(path)
    if (!(yield* at.fs.exists(at.folder))) return Option.none<LeaseHolder>()
    return yield* holderOf(at, yield* latest(at), yield* Clock.currentTimeMillis)
  },
  // A number that is gone by the time it is read has been followed by another.
  Effect.retry({ times: 20, while: isNotFound })
)
