// Files in memory, one step at a time: who takes the next step, whether it fails, and what a power cut leaves is the test's
// to say.
import { ByteSize, Clock, Effect, FileSystem, Option, PlatformError } from "effect"

export interface Inode {
  readonly isFolder: boolean
  content: Uint8Array
  modifiedAt: number
}

/** What was done to a disk: what of it survives a power cut depends on the syncs after it. */
export type Change =
  | { readonly _tag: "Enter"; readonly path: string; readonly inode: Inode }
  | { readonly _tag: "Leave"; readonly path: string }
  | { readonly _tag: "Move"; readonly from: string; readonly to: string }
  | { readonly _tag: "Write"; readonly inode: Inode; readonly content: Uint8Array }
  | { readonly _tag: "Sync"; readonly path: string; readonly inode: Inode }

export type Entries = Map<string, Inode>

export const parentOf = (path: string) => path.slice(0, Math.max(1, path.lastIndexOf("/")))
const isWithin = (path: string, folder: string) => path === folder || path.startsWith(`${folder}/`)

/** What a change to names does; what it does to content is for who replays it. */
export const enact = (entries: Entries, change: Change): void => {
  if (change._tag === "Enter") entries.set(change.path, change.inode)
  if (change._tag === "Leave") entries.delete(change.path)
  if (change._tag === "Move") {
    for (const [path, inode] of Array.from(entries)) {
      if (!isWithin(path, change.from)) continue
      entries.delete(path)
      entries.set(change.to + path.slice(change.from.length), inode)
    }
  }
}

const newInode = (isFolder = false, content = new Uint8Array()): Inode => ({ isFolder, content, modifiedAt: 0 })

export class Disk {
  readonly entries: Entries
  readonly changes: Array<Change> = []
  constructor(entries: Entries = new Map([["/", newInode(true)]])) {
    this.entries = entries
  }
  text(path: string): string | undefined {
    const inode = this.entries.get(path)
    return inode === undefined ? undefined : new TextDecoder().decode(inode.content)
  }
  names(folder: string): ReadonlyArray<string> {
    const prefix = folder === "/" ? folder : `${folder}/`
    return Array.from(this.entries.keys())
      .filter((path) => path !== folder && path.startsWith(prefix))
      .map((path) => path.slice(prefix.length))
      .filter((name) => !name.includes("/"))
      .toSorted()
  }
  /** Puts a file there as it stands: nothing a power cut could undo. */
  put(path: string, content: string, modifiedAt = 0) {
    for (let folder = parentOf(path); !this.entries.has(folder); folder = parentOf(folder)) {
      this.entries.set(folder, newInode(true))
    }
    this.entries.set(path, { isFolder: false, content: new TextEncoder().encode(content), modifiedAt })
  }
  change(change: Change) {
    enact(this.entries, change)
    if (change._tag === "Write") change.inode.content = change.content
    this.changes.push(change)
  }
}

const failure = (tag: PlatformError.SystemErrorTag, method: string, path: string) =>
  PlatformError.systemError({ _tag: tag, module: "FileSystem", method, pathOrDescriptor: path })

export interface Behaviour {
  /** Before each step, by its name and path. */
  readonly before?: (step: string, path: string) => Effect.Effect<void, PlatformError.PlatformError>
  /** `lost-answer`: the link is made, and answered as if it had been there. */
  readonly links?: "made" | "none" | "lost-answer"
  /** A path whose sync is promised and not done. */
  readonly isDeaf?: (path: string) => boolean
}

/** The disk as one process sees it. */
export const files = (
  disk: Disk,
  { before = () => Effect.void, isDeaf = () => false, links = "made" }: Behaviour = {}
) => {
  const step = <A>(
    method: string,
    path: string,
    run: (now: number) => A | PlatformError.PlatformError
  ): Effect.Effect<A, PlatformError.PlatformError> =>
    before(method, path).pipe(
      Effect.andThen(Clock.currentTimeMillis),
      Effect.flatMap((now) => {
        const done = run(now)
        return done instanceof PlatformError.PlatformError ? Effect.fail(done) : Effect.succeed(done)
      })
    )

  const found = (method: string, path: string, use: (inode: Inode) => void) =>
    step(method, path, () => {
      const inode = disk.entries.get(path)
      if (inode === undefined) return failure("NotFound", method, path)
      use(inode)
      return inode
    })

  const enter = (method: string, path: string, flag: string) =>
    step(method, path, (now) => {
      const there = disk.entries.get(path)
      if (there !== undefined && flag.includes("x")) return failure("AlreadyExists", method, path)
      if (there === undefined && (flag.startsWith("r") || disk.entries.get(parentOf(path)) === undefined)) {
        return failure("NotFound", method, path)
      }
      const inode = there ?? newInode()
      if (!flag.startsWith("r")) inode.modifiedAt = now
      if (there === undefined) disk.change({ _tag: "Enter", path, inode })
      else if (flag.startsWith("w")) disk.change({ _tag: "Write", inode, content: new Uint8Array() })
      return inode
    })

  /** In two steps: a process can die between them. */
  const append = (path: string, inode: Inode, bytes: Uint8Array) => {
    const half = bytes.length >> 1
    return Effect.forEach(
      [bytes.subarray(0, half), bytes.subarray(half)],
      (part) =>
        step("write", path, (now) => {
          inode.modifiedAt = now
          disk.change({ _tag: "Write", inode, content: new Uint8Array([...inode.content, ...part]) })
        }),
      { discard: true }
    )
  }

  const stat = ({ content, isFolder, modifiedAt }: Inode, nlink: number): FileSystem.File.Info => ({
    type: isFolder ? "Directory" : "File",
    mtime: Option.some(new Date(modifiedAt)),
    atime: Option.none(),
    birthtime: Option.none(),
    dev: BigInt(0),
    ino: Option.none(),
    mode: 0,
    nlink: Option.some(BigInt(nlink)),
    uid: Option.none(),
    gid: Option.none(),
    rdev: Option.none(),
    size: ByteSize.bytes(content.length),
    blksize: Option.none(),
    blocks: Option.none()
  })
  const linksOf = (inode: Inode) => Array.from(disk.entries.values()).filter((other) => other === inode).length

  const readFile = (path: string) =>
    Effect.map(
      found("readFile", path, () => {}),
      ({ content }) => content
    )
  const writeFile: FileSystem.FileSystem["writeFile"] = (path, bytes, options) =>
    Effect.flatMap(enter("writeFile", path, options?.flag ?? "w"), (inode) => append(path, inode, bytes))

  return FileSystem.makeNoop({
    exists: (path) => step("exists", path, () => disk.entries.has(path)),
    access: (path) => Effect.asVoid(found("access", path, () => {})),
    stat: (path) =>
      Effect.map(
        found("stat", path, () => {}),
        (inode) => stat(inode, linksOf(inode))
      ),
    readFile,
    readFileString: (path) => Effect.map(readFile(path), (bytes) => new TextDecoder().decode(bytes)),
    writeFile,
    writeFileString: (path, text, options) => writeFile(path, new TextEncoder().encode(text), options),
    readDirectory: (path) =>
      step("readDirectory", path, () =>
        disk.entries.has(path) ? Array.from(disk.names(path)) : failure("NotFound", "readDirectory", path)
      ),
    makeDirectory: (path) =>
      step("makeDirectory", path, () => {
        const missing: Array<string> = []
        for (let folder = path; !disk.entries.has(folder); folder = parentOf(folder)) missing.unshift(folder)
        for (const folder of missing) disk.change({ _tag: "Enter", path: folder, inode: newInode(true) })
      }),
    link: (from, to) =>
      step("link", to, () => {
        const inode = disk.entries.get(from)
        if (links === "none") return failure("PermissionDenied", "link", from)
        if (inode === undefined || !disk.entries.has(parentOf(to))) return failure("NotFound", "link", from)
        if (disk.entries.has(to)) return failure("AlreadyExists", "link", from)
        disk.change({ _tag: "Enter", path: to, inode })
        return links === "lost-answer" ? failure("AlreadyExists", "link", from) : undefined
      }),
    rename: (from, to) =>
      step("rename", from, () => {
        if (!disk.entries.has(from) || !disk.entries.has(parentOf(to))) return failure("NotFound", "rename", from)
        disk.change({ _tag: "Move", from, to })
        return undefined
      }),
    remove: (path, options) =>
      step("remove", path, () => {
        if (!disk.entries.has(path)) return options?.force ? undefined : failure("NotFound", "remove", path)
        const gone = Array.from(disk.entries.keys()).filter((other) => isWithin(other, path))
        if (gone.length > 1 && !options?.recursive) return failure("Unknown", "remove", path)
        for (const each of gone.toReversed()) disk.change({ _tag: "Leave", path: each })
        return undefined
      }),
    open: (path, options) =>
      Effect.map(enter("open", path, options?.flag ?? "r"), (inode): FileSystem.File => ({
        [FileSystem.FileTypeId]: FileSystem.FileTypeId,
        stat: Effect.sync(() => stat(inode, linksOf(inode))),
        seek: (offset) => Effect.succeed(offset),
        sync: step("sync", path, () => (isDeaf(path) ? undefined : disk.change({ _tag: "Sync", path, inode }))),
        read: () => Effect.fail(failure("Unknown", "read", path)),
        readAlloc: () => Effect.fail(failure("Unknown", "readAlloc", path)),
        truncate: () => Effect.fail(failure("Unknown", "truncate", path)),
        write: (bytes) => Effect.as(append(path, inode, bytes), bytes.length),
        writeAll: (bytes) => append(path, inode, bytes)
      }))
  })
}
