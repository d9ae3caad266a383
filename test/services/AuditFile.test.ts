import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, FileSystem, Layer, PlatformError, Scope } from "effect"
import { TestClock } from "effect/testing"
import { maxBytes } from "../../src/domain/AuditLine.ts"
import { Audit, AuditError, type AuditFileOptions } from "../../src/index.ts"
import { NodeEventBridge } from "../../src/node/index.ts"
import { collectLogs, record } from "./Support.ts"
import {
  at,
  contentOf,
  folderOf,
  ids,
  idsOf,
  layerCounted,
  layerWatched,
  linesOf,
  namesBeside,
  seed,
  temporary,
  writeAll
} from "./support/AuditFiles.ts"
import { within } from "./support/WorkingDirectory.ts"
import { execFileSync } from "node:child_process"

const onNode = Effect.provide(NodeEventBridge.layer)
const write = (entry = record()) => Effect.flatMap(Audit, (audit) => audit.record([entry]))
const isWhole = (files: ReadonlyArray<string>) =>
  Effect.map(Audit.verify(files), (found) => assert.isNull(found.fault, JSON.stringify(found)))

describe("Audit.layerFile", () => {
  it.live("a record is in the file once it is recorded, before the layer closes", () =>
    Effect.gen(function* () {
      const path = yield* temporary
      const scope = yield* Scope.make()
      const services = yield* Layer.buildWithScope(Audit.layerFile(path), scope)
      for (const [index, id] of ids(3).entries()) {
        yield* Effect.provide(write(record(id)), services)
        const content = yield* contentOf(path)
        assert.isTrue(content.endsWith("\n"))
        assert.deepStrictEqual(linesOf(content)[index]?.record, record(id))
      }
      yield* Scope.close(scope, Exit.void)
      assert.deepStrictEqual(idsOf(yield* contentOf(path)), ids(3))
    }).pipe(onNode)
  )

  it.live("each line has its number, the hash before it and its own; when reopened the chain continues", () =>
    Effect.gen(function* () {
      const path = yield* temporary
      const first = yield* writeAll(path, ids(2))
      const last = yield* writeAll(path, ids(2, 3))
      const lines = linesOf(yield* contentOf(path))
      assert.deepStrictEqual(
        lines.map(({ seq }) => seq),
        [1, 2, 3, 4]
      )
      assert.deepStrictEqual(
        lines.map(({ prev }) => prev),
        ["0".repeat(64), ...lines.slice(0, 3).map(({ hash }) => hash)]
      )
      assert.deepStrictEqual(first, { seq: 2, hash: lines[1]?.hash })
      assert.deepStrictEqual(last, { seq: 4, hash: lines[3]?.hash })
      yield* isWhole([path])
    }).pipe(onNode)
  )

  it.live("64 writers at once: every record is there, whole, and in the order it came", () =>
    Effect.gen(function* () {
      const path = yield* temporary
      const writers = Array.from({ length: 64 }, (_, writer) => writer)
      yield* Effect.forEach(
        writers,
        (writer) =>
          Effect.forEach([0, 1, 2, 3], (round) => write({ ...record(`evt_${writer}_${round}`), detail: "ü\n🎉" })),
        { concurrency: "unbounded" }
      ).pipe(Effect.provide(Audit.layerFile(path)))
      const kept = idsOf(yield* contentOf(path))
      assert.strictEqual(new Set(kept).size, 256)
      assert.lengthOf(kept, 256)
      for (const writer of writers) {
        const own = kept.filter((id) => id.startsWith(`evt_${writer}_`))
        assert.deepStrictEqual(
          own,
          [0, 1, 2, 3].map((round) => `evt_${writer}_${round}`)
        )
      }
      yield* isWhole([path])
    }).pipe(onNode)
  )

  it.live("records that wait share a write and a sync", () => {
    const operations: Array<string> = []
    return Effect.gen(function* () {
      const path = yield* temporary
      yield* Effect.forEach(ids(640), (id) => write(record(id)), { concurrency: 64 }).pipe(
        Effect.provide(Audit.layerFile(path))
      )
      assert.lengthOf(idsOf(yield* contentOf(path)), 640)
      const syncs = operations.filter((operation) => operation === "sync").length
      assert.strictEqual(operations.filter((operation) => operation === "write").length, syncs)
      assert.isAtMost(syncs, 64)
    }).pipe(Effect.provide(layerWatched(operations)))
  })

  it.effect("durability: always syncs before it returns, interval every second and at the end, never not at all", () =>
    Effect.gen(function* () {
      const synced = Effect.fnUntraced(function* (durability: "always" | "interval" | "never") {
        const operations: Array<string> = []
        const steps: Array<string> = []
        yield* Effect.gen(function* () {
          const path = yield* temporary
          yield* Effect.gen(function* () {
            yield* write(record("evt_1"))
            steps.push(operations.join(" "))
            yield* TestClock.adjust("1 second")
            // The sync is on its way to the disk, which knows no test clock.
            yield* Effect.promise(() => new Promise((resolve) => setImmediate(resolve)))
            steps.push(operations.join(" "))
            yield* write(record("evt_2"))
          }).pipe(Effect.provide(Audit.layerFile(path, { durability })))
          steps.push(operations.join(" "))
        }).pipe(Effect.scoped, Effect.provide(layerWatched(operations)))
        return steps
      })
      assert.deepStrictEqual(yield* synced("always"), ["write sync", "write sync", "write sync write sync"])
      assert.deepStrictEqual(yield* synced("interval"), ["write", "write sync", "write sync write sync"])
      assert.deepStrictEqual(yield* synced("never"), ["write", "write", "write write"])
    })
  )

  it.live("a line that a crash cut short is moved away and reported, and the chain continues", () => {
    const { layer, lines: logged } = collectLogs()
    return Effect.gen(function* () {
      const path = yield* temporary
      yield* writeAll(path, ids(3))
      const whole = yield* contentOf(path)
      const half = whole.split("\n")[1]?.slice(0, 140) ?? ""
      yield* seed(path, whole + half)
      yield* writeAll(path, ["evt_4"])
      assert.isTrue((yield* contentOf(path)).startsWith(whole))
      assert.deepStrictEqual(idsOf(yield* contentOf(path)), ids(4))
      yield* isWhole([path])
      const kept = (yield* namesBeside(path)).filter((name) => name.startsWith("audit.jsonl.torn-"))
      assert.lengthOf(kept, 1)
      assert.strictEqual(yield* contentOf(`${folderOf(path)}/${kept[0]}`), half)
      assert.deepStrictEqual(
        logged.map(({ level }) => level),
        ["WARN"]
      )
      assert.include(logged[0]?.message, `its 140 bytes were moved to ${folderOf(path)}/${kept[0]}`)
    }).pipe(Effect.provide(layer), onNode)
  })

  it.live("a first line that was cut short is moved away as well", () =>
    Effect.gen(function* () {
      const path = yield* temporary
      for (const half of [`{"ha`, `{"hash":"${"0".repeat(64)}","prev"`]) {
        yield* seed(path, half)
        yield* writeAll(path, ["evt_1"])
        yield* isWhole([path])
      }
    }).pipe(onNode)
  )

  it.live("a file that is not an audit is refused and left as it is", () =>
    Effect.gen(function* () {
      const path = yield* temporary
      yield* writeAll(path, ids(2))
      const whole = yield* contentOf(path)
      const foreign = [
        "name,phone",
        "name,phone\nada,1815\n",
        "name,phone\nada,18",
        "\n",
        "\n\n",
        `${JSON.stringify(record())}\n`,
        whole.replaceAll("SUCCESS", "FAILED!"),
        `${whole}not of this chain\n`,
        `${whole}not of this chain\n{"hash"`
      ]
      for (const content of foreign) {
        yield* seed(path, content)
        const error = yield* Effect.flip(writeAll(path, ["evt_3"]))
        assert.instanceOf(error, AuditError)
        assert.match(error.message, /its last line cannot be continued: |it holds something other than an audit/)
        assert.include(error.hint, "nothing was changed")
        assert.strictEqual(yield* contentOf(path), content)
      }
    }).pipe(onNode)
  )

  it.live("a file that does not end in a line is not read whole, however large it is", () =>
    Effect.gen(function* () {
      const path = yield* temporary
      const fs = yield* FileSystem.FileSystem
      yield* seed(path, "")
      // Of holes alone, which take no room on the disk.
      yield* fs.truncate(path, 1024 ** 4)
      const error = yield* Effect.flip(writeAll(path, ["evt_1"]))
      assert.include(error.message, "it holds something other than an audit")
      assert.strictEqual((yield* fs.stat(path)).size, BigInt(1024 ** 4))
    }).pipe(onNode)
  )

  it.live("a last line longer than the first read is found", () =>
    Effect.gen(function* () {
      const path = yield* temporary
      yield* writeAll(path, [...ids(2), { ...record("evt_3"), detail: "x".repeat(200_000) }])
      const head = yield* writeAll(path, ["evt_4"])
      assert.strictEqual(head?.seq, 4)
      yield* isWhole([path])
    }).pipe(onNode)
  )

  it.live("half a surrogate pair, which UTF-8 cannot encode, does not stop an audit", () =>
    Effect.gen(function* () {
      const path = yield* temporary
      yield* writeAll(path, [record("evt_\ud800"), record("evt_2")])
      assert.deepStrictEqual(idsOf(yield* contentOf(path)), ["evt_\ufffd", "evt_2"])
      yield* isWhole([path])
    }).pipe(onNode)
  )

  it.live("a record whose line could not be verified is refused, and does no harm to others", () =>
    Effect.gen(function* () {
      const path = yield* temporary
      const sized = (id: string, detail: string) => ({ ...record(id), detail })
      // In the place of the number, as many digits as one can have.
      const frame = `{"hash":"${"0".repeat(64)}","prev":"${"0".repeat(64)}","record":,"seq":${Number.MAX_SAFE_INTEGER}}`
      const room = maxBytes - frame.length - JSON.stringify(sized("evt_1", "")).length
      yield* Effect.gen(function* () {
        const audit = yield* Audit
        yield* write(sized("evt_1", "x".repeat(room)))
        const [, error] = yield* Effect.all(
          [
            write(record("evt_2")),
            Effect.flip(audit.record([record("evt_3"), sized("evt_4", "x".repeat(room + 1)), record("evt_5")])),
            write(record("evt_6"))
          ],
          { concurrency: "unbounded" }
        )
        assert.strictEqual(
          error.message,
          `the audit record could not be written to ${path}: a record is too long, with ${room + 1} characters of detail: ` +
            "its line would have more than 4194304 bytes"
        )
        assert.strictEqual(error.hint, "Shorten its detail; no record that came with it was written.")
        // Half as many characters, of two bytes each.
        yield* write(sized("evt_7", "ü".repeat(room >> 1)))
        yield* Effect.flip(write(sized("evt_8", "ü".repeat((room >> 1) + 1))))
      }).pipe(Effect.provide(Audit.layerFile(path)))
      assert.deepStrictEqual(idsOf(yield* contentOf(path)), ["evt_1", "evt_2", "evt_6", "evt_7"])
      yield* isWhole([path])
    }).pipe(onNode)
  )

  it.live("a second writer on a file is refused by name, and admitted once the first has ended", () =>
    Effect.gen(function* () {
      const path = yield* temporary
      yield* Effect.gen(function* () {
        yield* write(record("evt_1"))
        const error = yield* Effect.flip(writeAll(path, ["evt_2"]))
        assert.instanceOf(error, AuditError)
        assert.include(error.message, `${path} is in use by `)
        assert.include(error.message, String(process.pid))
        assert.isAbove(error.hint.length, 0)
        yield* write(record("evt_3"))
      }).pipe(Effect.provide(Audit.layerFile(path)))
      yield* writeAll(path, ["evt_4"])
      assert.deepStrictEqual(idsOf(yield* contentOf(path)), ["evt_1", "evt_3", "evt_4"])
      yield* isWhole([path])
    }).pipe(onNode)
  )

  it.live("a path that cannot be written is reported when the layer is built", () =>
    Effect.gen(function* () {
      const path = yield* temporary
      const wrong = `${folderOf(path)}/missing/audit.jsonl`
      const error = yield* Effect.flip(writeAll(wrong, ["evt_1"]))
      assert.instanceOf(error, AuditError)
      assert.strictEqual(error.sink, wrong)
      assert.include(error.message, `could not be written to ${wrong}: `)
      assert.isAbove(error.detail.length, 0)
      assert.include(error.hint, "writable")
    }).pipe(onNode)
  )

  it.live("a folder, a pipe or a device is refused, and left as it is", () =>
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      const folder = folderOf(yield* temporary)
      yield* fs.symlink("/dev/null", `${folder}/device`)
      yield* Effect.sync(() => execFileSync("mkfifo", [`${folder}/pipe`]))
      yield* fs.makeDirectory(`${folder}/folder`)
      for (const name of ["device", "folder", "pipe"]) {
        const error = yield* Effect.flip(writeAll(`${folder}/${name}`, ["evt_1"]))
        assert.instanceOf(error, AuditError)
        assert.include(error.message, "it is a folder, a pipe, a socket or a device")
      }
      assert.deepStrictEqual((yield* fs.readDirectory(folder)).toSorted(), ["device", "folder", "pipe"])
    }).pipe(onNode)
  )

  it.live("a disk that is full fails the record and leaves no part of it", () => {
    const operations: Array<string> = []
    return Effect.gen(function* () {
      const path = yield* temporary
      yield* Effect.gen(function* () {
        yield* write(record("evt_1"))
        for (const id of ["evt_2", "evt_3"]) {
          const error = yield* Effect.flip(write(record(id)))
          assert.instanceOf(error, AuditError)
          assert.include(error.message, "no space left on device")
        }
        yield* write(record("evt_4"))
      }).pipe(Effect.provide(Audit.layerFile(path)))
      assert.deepStrictEqual(idsOf(yield* contentOf(path)), ["evt_1", "evt_4"])
      yield* isWhole([path])
    }).pipe(
      Effect.provide(
        layerWatched(operations, (operation, nth) => {
          if (operation === "write") return nth === 2 ? "half" : "done"
          return nth === 2 ? "refused" : "done"
        })
      )
    )
  })

  it.live("a write that failed fails for all that waited for it", () =>
    Effect.gen(function* () {
      const path = yield* temporary
      const results = yield* Effect.forEach(ids(16), (id) => Effect.flip(write(record(id))), {
        concurrency: "unbounded"
      }).pipe(Effect.provide(Audit.layerFile(path)))
      assert.lengthOf(results, 16)
      assert.isTrue(results.every((error) => error._tag === "AuditError"))
      assert.strictEqual(yield* contentOf(path), "")
    }).pipe(Effect.provide(layerWatched([], (operation) => (operation === "write" ? "refused" : "done"))))
  )

  it.effect("lines that could not be synced later end the audit", () =>
    Effect.gen(function* () {
      const path = yield* temporary
      yield* Effect.gen(function* () {
        yield* write(record("evt_1"))
        yield* TestClock.adjust("1 second")
        const error = yield* Effect.flip(write(record("evt_2")))
        assert.include(error.message, "no space left on device")
      }).pipe(Effect.provide(Audit.layerFile(path, { durability: "interval" })))
    }).pipe(Effect.provide(layerWatched([], (operation) => (operation === "sync" ? "refused" : "done"))))
  )
})

describe("Audit.layerFile, removed under its writer", () => {
  const removed = Effect.fnUntraced(function* (
    remove: (path: string) => Effect.Effect<void, unknown, FileSystem.FileSystem>
  ) {
    const path = yield* temporary
    return yield* Effect.gen(function* () {
      yield* write(record("evt_1"))
      yield* remove(path)
      yield* TestClock.adjust("1 second")
      const error = yield* Effect.flip(write(record("evt_2")))
      assert.include(
        error.message,
        `could not be written to ${path}: it was removed, or another file was put in its place`
      )
      assert.match(error.hint, /^Find out what removes it/)
      assert.strictEqual((yield* Effect.flip(write(record("evt_3")))).message, error.message)
    }).pipe(Effect.provide(Audit.layerFile(path)))
  })
  const fs = FileSystem.FileSystem

  it.effect("it accepts no further record within a second", () =>
    removed((path) => Effect.flatMap(fs, ({ remove }) => remove(path))).pipe(onNode)
  )

  it.effect("nor when the clock is set back meanwhile", () =>
    removed((path) =>
      Effect.andThen(
        Effect.flatMap(fs, ({ remove }) => remove(path)),
        TestClock.setTime(-3_600_000)
      )
    ).pipe(onNode)
  )

  it.effect("nor does it when another file is put in its place", () =>
    removed((path) =>
      Effect.flatMap(fs, ({ rename, writeFileString }) =>
        Effect.andThen(writeFileString(`${path}.new`, ""), rename(`${path}.new`, path))
      )
    ).pipe(onNode)
  )

  it.effect("nor is a file that was put in its place rotated as if it were the audit's", () =>
    Effect.gen(function* () {
      const path = yield* temporary
      const { remove, writeFileString } = yield* fs
      yield* Effect.gen(function* () {
        yield* write(record("evt_1"))
        yield* Effect.andThen(remove(path), writeFileString(path, ""))
        // At once: another look at the file is not due yet, but a new file is.
        assert.include((yield* Effect.flip(write(record("evt_2")))).message, "it was removed")
      }).pipe(Effect.provide(Audit.layerFile(path, { rotate: { bytes: 100 } })))
      assert.notInclude(yield* namesBeside(path), "audit.000000000001.jsonl")
    }).pipe(onNode)
  )

  it.effect("moved away, as by a rotation of the system's, it is written on", () =>
    Effect.gen(function* () {
      const path = yield* temporary
      yield* Effect.gen(function* () {
        yield* write(record("evt_1"))
        yield* Effect.flatMap(fs, ({ rename }) => rename(path, `${path}.1`))
        yield* TestClock.adjust("1 second")
        yield* write(record("evt_2"))
      }).pipe(Effect.provide(Audit.layerFile(path)))
      yield* isWhole([`${path}.1`])
      assert.deepStrictEqual(idsOf(yield* contentOf(`${path}.1`)), ["evt_1", "evt_2"])
    }).pipe(onNode)
  )
})

describe("Audit.layerFile, when it ends", () => {
  it.live("a group that failed halfway is cut back, even if nothing is written afterwards", () =>
    Effect.gen(function* () {
      const path = yield* temporary
      yield* Effect.gen(function* () {
        yield* write(record("evt_1"))
        yield* Effect.flip(write(record("evt_2")))
      }).pipe(Effect.provide(Audit.layerFile(path)))
      assert.deepStrictEqual(idsOf(yield* contentOf(path)), ["evt_1"])
      yield* isWhole([path])
    }).pipe(
      Effect.provide(layerWatched([], (operation, nth) => (operation === "write" && nth === 2 ? "half" : "done")))
    )
  )

  it.effect("a full file that could not be brought to disk is followed by nothing", () =>
    Effect.gen(function* () {
      const path = yield* temporary
      const options = { durability: "interval", rotate: { bytes: 100 } } as const
      yield* Effect.gen(function* () {
        // The sync that fails is that of the rotation, not the one of every second.
        yield* TestClock.adjust(0)
        yield* write(record("evt_1"))
        for (const id of ids(3, 2)) {
          assert.include((yield* Effect.flip(write(record(id)))).message, "no space left on device")
        }
      }).pipe(Effect.provide(Audit.layerFile(path, options)))
      assert.deepStrictEqual(idsOf(yield* contentOf(path)), ["evt_1"])
    }).pipe(
      Effect.provide(layerWatched([], (operation, nth) => (operation === "sync" && nth === 1 ? "refused" : "done")))
    )
  )

  it.live("a record after it was closed is refused", () =>
    Effect.gen(function* () {
      const path = yield* temporary
      const closed = yield* Effect.provide(Audit, Audit.layerFile(path))
      const error = yield* Effect.flip(closed.record([record("evt_1")]))
      assert.strictEqual(error.message, `the audit record could not be written to ${path}: it is closed`)
      assert.strictEqual(yield* contentOf(path), "")
    }).pipe(onNode)
  )

  it.effect("a writer that has lost its hold on the file writes no more", () => {
    let isFull = false
    const full = PlatformError.systemError({ _tag: "Unknown", module: "FileSystem", method: "open" })
    const unlessFull =
      <A extends ReadonlyArray<unknown>, B, R>(
        operation: (...args: A) => Effect.Effect<B, PlatformError.PlatformError, R>
      ) =>
      (...args: A) =>
        Effect.suspend(() => (isFull ? Effect.fail(full) : operation(...args)))
    const onDisk = Layer.effect(
      FileSystem.FileSystem,
      Effect.map(FileSystem.FileSystem, (fs) =>
        FileSystem.FileSystem.of({ ...fs, writeFileString: unlessFull(fs.writeFileString) })
      )
    ).pipe(Layer.provideMerge(NodeEventBridge.layer))
    return Effect.gen(function* () {
      const path = yield* temporary
      yield* Effect.gen(function* () {
        yield* write(record("evt_1"))
        isFull = true
        for (let second = 0; second < 40; second++) {
          yield* Effect.promise(() => new Promise((resolve) => setImmediate(resolve)))
          yield* TestClock.adjust("1 second")
        }
        const error = yield* Effect.flip(write(record("evt_2")))
        assert.include(error.message, `the lease on ${path} was lost`)
        assert.deepStrictEqual(idsOf(yield* contentOf(path)), ["evt_1"])
      }).pipe(Effect.provide(Audit.layerFile(path)))
    }).pipe(Effect.provide(onDisk))
  })

  it.live("a second writer is refused by whatever name it calls the file", () =>
    Effect.gen(function* () {
      const path = yield* temporary
      const fs = yield* FileSystem.FileSystem
      const link = `${folderOf(path)}/link.jsonl`
      yield* writeAll(path, ids(2))
      yield* fs.symlink(path, link)
      yield* Effect.gen(function* () {
        yield* write(record("evt_3"))
        assert.include((yield* Effect.flip(writeAll(link, ["evt_4"]))).message, "is in use by ")
      }).pipe(Effect.provide(Audit.layerFile(path)))
      assert.deepStrictEqual(idsOf(yield* contentOf(path)), ids(3))
      yield* isWhole([path])
    }).pipe(onNode)
  )

  it.live("a second writer is refused by whatever name it calls a file that is not made yet", () =>
    Effect.gen(function* () {
      const path = yield* temporary
      const link = `${folderOf(path)}/link.jsonl`
      yield* Effect.flatMap(FileSystem.FileSystem, (fs) => fs.symlink("audit.jsonl", link))
      yield* Effect.gen(function* () {
        yield* write(record("evt_1"))
        const error = yield* Effect.flip(writeAll(path, ["evt_2"]))
        assert.instanceOf(error, AuditError)
        assert.include(error.message, `could not be written to ${path}: another run, or another program, writes to it`)
      }).pipe(Effect.provide(Audit.layerFile(link)))
      assert.deepStrictEqual(yield* namesBeside(path), ["audit.jsonl", "audit.jsonl.lease", "link.jsonl"])
      yield* isWhole([path])
    }).pipe(onNode)
  )

  it.live("links in a circle are refused by the name they were given", () =>
    Effect.gen(function* () {
      const path = yield* temporary
      yield* Effect.flatMap(FileSystem.FileSystem, (fs) => fs.symlink(path, path))
      const error = yield* Effect.flip(writeAll(path, ["evt_1"]))
      assert.instanceOf(error, AuditError)
      assert.strictEqual(error.sink, path)
      assert.include(error.message, "ELOOP")
      assert.deepStrictEqual(yield* namesBeside(path), ["audit.jsonl"])
    }).pipe(onNode)
  )
})

describe("Audit.layerFile, open files", () => {
  it.live("a layer that could not be built leaves none open", () => {
    const files = { open: 0 }
    let failing = ""
    return Effect.gen(function* () {
      const path = yield* temporary
      yield* seed(path, "no audit\n")
      assert.include((yield* Effect.flip(writeAll(path, ["evt_1"]))).message, "its last line cannot be continued")
      assert.strictEqual(files.open, 0)
      yield* seed(path, "")
      for (failing of [`stat ${path}`, `sync ${folderOf(path)}`]) {
        assert.include((yield* Effect.flip(writeAll(path, ["evt_1"]))).message, "FileSystem.refused")
        assert.strictEqual(files.open, 0, failing)
      }
    }).pipe(Effect.provide(layerCounted(files, (operation, path) => `${operation} ${path}` === failing)))
  })

  it.live("a new file that could not be begun is not kept open, and is begun with a later record", () => {
    const files = { open: 0 }
    let failing = ""
    return Effect.gen(function* () {
      const path = yield* temporary
      yield* Effect.gen(function* () {
        yield* write(record("evt_1"))
        assert.strictEqual(files.open, 1)
        // The first while the file that is full gives way, the second when there is none.
        for (failing of [`sync ${folderOf(path)}`, `stat ${path}`]) {
          assert.include((yield* Effect.flip(write(record("evt_2")))).message, "FileSystem.refused")
          assert.strictEqual(files.open, 0, failing)
        }
        failing = ""
        yield* write(record("evt_3"))
        assert.strictEqual(files.open, 1)
      }).pipe(Effect.provide(Audit.layerFile(path, { rotate: { bytes: 100 }, durability: "interval" })))
      assert.strictEqual(files.open, 0)
      yield* isWhole([`${folderOf(path)}/audit.000000000001.jsonl`, path])
    }).pipe(Effect.provide(layerCounted(files, (operation, path) => `${operation} ${path}` === failing)))
  })

  it.live("a file begun meanwhile is brought to disk before it is closed at the end", () => {
    const operations: Array<string> = []
    const { layer, lines: logged } = collectLogs()
    return Effect.gen(function* () {
      const path = yield* temporary
      yield* writeAll(path, ids(2), { rotate: { bytes: 100 }, durability: "interval" })
      assert.deepStrictEqual(operations.slice(-2), ["write", "sync"])
      assert.deepStrictEqual(logged, [])
    }).pipe(Effect.provide(layer), Effect.provide(layerWatched(operations)))
  })
})

/** As untyped code and files of settings have them. */
const untyped = (json: string): AuditFileOptions => JSON.parse(json)

it.live.each<[string, string]>([
  [`{"durability":"allways"}`, "durability: must be always, interval or never"],
  [`{"durability":null}`, "durability: must be always, interval or never"],
  [`{"rotate":{"bytes":"1000"}}`, "rotate.bytes: must be a whole number above 0"],
  [`{"rotate":{"daily":"yes"}}`, "rotate.daily: must be true or false"]
])("Audit.layerFile refuses %s, and writes nothing", ([options, problem]) =>
  Effect.gen(function* () {
    const path = yield* temporary
    const { message } = yield* Effect.flip(writeAll(path, ["evt_1"], untyped(options)))
    assert.strictEqual(message, problem)
    assert.deepStrictEqual(yield* namesBeside(path), [])
  }).pipe(onNode)
)

describe("Audit.layerFile, rotate", () => {
  it.live.each([0, -1, 0.5, Number.NaN])("a size of %d is refused, and nothing is written", (bytes) =>
    Effect.gen(function* () {
      const path = yield* temporary
      const { message } = yield* Effect.flip(writeAll(path, ["evt_1"], { rotate: { bytes } }))
      assert.strictEqual(message, "rotate.bytes: must be a whole number above 0")
      assert.deepStrictEqual(yield* namesBeside(path), [])
    }).pipe(onNode)
  )

  it.live("through a link: the file is rotated, not the link, and stays with its writer", () =>
    Effect.gen(function* () {
      const path = yield* temporary
      const fs = yield* FileSystem.FileSystem
      const link = `${folderOf(path)}/app/audit.jsonl`
      yield* fs.makeDirectory(folderOf(link))
      yield* fs.symlink("../audit.jsonl", link)
      yield* Effect.gen(function* () {
        for (const id of ids(3)) yield* write(record(id))
        for (const name of [link, path]) {
          assert.include((yield* Effect.flip(writeAll(name, ["evt_4"]))).message, `could not be written to ${name}: `)
        }
      }).pipe(Effect.provide(Audit.layerFile(link, { rotate: { bytes: 100 } })))
      assert.deepStrictEqual(yield* namesBeside(link), ["audit.jsonl"])
      assert.strictEqual(yield* fs.readLink(link), "../audit.jsonl")
      const full = ["audit.000000000001.jsonl", "audit.000000000002.jsonl"].map((name) => `${folderOf(path)}/${name}`)
      yield* isWhole([...full, link])
    }).pipe(onNode)
  )

  it.live("by a relative path: the file stays the same wherever the process goes", () =>
    Effect.gen(function* () {
      const path = yield* temporary
      yield* Effect.gen(function* () {
        yield* write(record("evt_1"))
        yield* within("/", write(record("evt_2")))
      }).pipe(Effect.provide(Audit.layerFile("audit.jsonl", { rotate: { bytes: 100 } })), (effect) =>
        within(folderOf(path), effect)
      )
      yield* isWhole([`${folderOf(path)}/audit.000000000001.jsonl`, path])
    }).pipe(onNode)
  )

  it.live("by size: a file of just that many bytes is full", () =>
    Effect.gen(function* () {
      const path = yield* temporary
      yield* writeAll(path, ["evt_1"])
      const bytes = (yield* contentOf(path)).length
      yield* writeAll(path, ["evt_2"], { rotate: { bytes: bytes + 1 } })
      assert.lengthOf(linesOf(yield* contentOf(path)), 2)
      yield* writeAll(path, ["evt_3"], { rotate: { bytes: 2 * bytes } })
      assert.deepStrictEqual(idsOf(yield* contentOf(path)), ["evt_3"])
    }).pipe(onNode)
  )

  it.live("by size: the chain continues across files, even in a restarted process", () =>
    Effect.gen(function* () {
      const path = yield* temporary
      const rotate = { bytes: 1000 }
      yield* writeAll(path, ids(7), { rotate })
      const head = yield* writeAll(path, ids(7, 8), { rotate })
      const names = (yield* namesBeside(path)).filter((name) => name.endsWith(".jsonl"))
      assert.deepStrictEqual(names, [
        "audit.000000000003.jsonl",
        "audit.000000000006.jsonl",
        "audit.000000000009.jsonl",
        "audit.000000000012.jsonl",
        "audit.jsonl"
      ])
      const files = names.map((name) => `${folderOf(path)}/${name}`)
      const found = yield* Audit.verify(files, { head: head?.hash })
      assert.deepStrictEqual(found, { lines: 14, head: head?.hash ?? "", notedLine: 14, fault: null })
      // The rest alone is told to be one, and is whole where it goes on from what is known.
      const rest = files.slice(1)
      const without = yield* Audit.verify(rest)
      assert.strictEqual(without.fault?.line, 1)
      const [, , third] = linesOf(yield* contentOf(files[0] ?? ""))
      const after = yield* Audit.verify(rest, { after: third?.hash, head: head?.hash })
      assert.deepStrictEqual(after, { lines: 11, head: head?.hash ?? "", notedLine: 14, fault: null })
    }).pipe(onNode)
  )

  it.live("a process that ended between two files finds the end of the chain", () =>
    Effect.gen(function* () {
      const path = yield* temporary
      yield* writeAll(path, ids(3))
      const fs = yield* FileSystem.FileSystem
      const full = `${folderOf(path)}/audit.000000000003.jsonl`
      yield* fs.rename(path, full)
      const head = yield* writeAll(path, ["evt_4"])
      assert.strictEqual(head?.seq, 4)
      yield* isWhole([full, path])
    }).pipe(onNode)
  )

  it.live("a name that is taken is reported, and nothing is overwritten", () =>
    Effect.gen(function* () {
      const path = yield* temporary
      const taken = `${folderOf(path)}/audit.000000000002.jsonl`
      yield* Effect.gen(function* () {
        yield* write(record("evt_1"))
        yield* write(record("evt_2"))
        yield* seed(taken, "somebody else's")
        const error = yield* Effect.flip(write(record("evt_3")))
        assert.include(error.message, `it cannot be rotated: ${taken} already exists`)
        assert.strictEqual(yield* contentOf(taken), "somebody else's")
      }).pipe(Effect.provide(Audit.layerFile(path, { rotate: { bytes: 500 } })))
      assert.deepStrictEqual(idsOf(yield* contentOf(path)), ids(2))
    }).pipe(onNode)
  )

  it.effect("by day, UTC", () =>
    Effect.gen(function* () {
      const path = yield* temporary
      yield* TestClock.setTime(at("2024-05-11T23:59:59Z"))
      yield* Effect.gen(function* () {
        yield* write(record("evt_1"))
        yield* TestClock.adjust("2 seconds")
        yield* write(record("evt_2"))
        yield* write(record("evt_3"))
      }).pipe(Effect.provide(Audit.layerFile(path, { rotate: { daily: true } })))
      const full = `${folderOf(path)}/audit.000000000001.jsonl`
      assert.deepStrictEqual(idsOf(yield* contentOf(full)), ids(1))
      assert.deepStrictEqual(idsOf(yield* contentOf(path)), ids(2, 2))
      yield* isWhole([full, path])
    }).pipe(onNode)
  )

  it.effect("by day, also in a process started another day", () =>
    Effect.gen(function* () {
      const path = yield* temporary
      const rotate = { daily: true }
      yield* TestClock.setTime(at("2024-05-11T23:59:59Z"))
      yield* writeAll(path, ids(1), { rotate })
      const written = new Date("2024-05-11T23:59:59Z")
      yield* Effect.flatMap(FileSystem.FileSystem, (fs) => fs.utimes(path, written, written))
      yield* TestClock.setTime(at("2024-05-12T08:00:00Z"))
      yield* writeAll(path, ids(1, 2), { rotate })
      assert.deepStrictEqual(idsOf(yield* contentOf(path)), ["evt_2"])
    }).pipe(onNode)
  )
})
