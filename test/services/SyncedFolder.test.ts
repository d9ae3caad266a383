import { assert, it } from "@effect/vitest"
import { Effect, Exit, FileSystem, PlatformError } from "effect"
import { sync } from "../../src/services/SyncedFolder.ts"

const failing = (_tag: PlatformError.SystemErrorTag) =>
  FileSystem.makeNoop({
    open: () => Effect.fail(PlatformError.systemError({ _tag, module: "FileSystem", method: "open" }))
  })

it.effect.each(["BadResource", "PermissionDenied"] as const)("a folder that cannot be opened (%s) is let be", (tag) =>
  sync(failing(tag), "/audits")
)

// EMFILE and EIO, say: the names in it may be lost, which has to be known.
it.effect.each(["Unknown", "NotFound", "Busy"] as const)("another failure to open it (%s) is one", (tag) =>
  Effect.gen(function* () {
    assert.isTrue(Exit.isFailure(yield* Effect.exit(sync(failing(tag), "/audits"))))
  })
)
