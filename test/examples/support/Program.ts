// Programs as their users meet them: a process, its output, its exit code.
import * as pty from "@lydell/node-pty"
import { Effect, type Scope } from "effect"
import { spawn } from "node:child_process"
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { dirname, join, resolve } from "node:path"

export interface Ended {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly stdout: string
  readonly stderr: string
}

export interface Running {
  readonly stdout: () => string
  readonly stderr: () => string
  readonly kill: (signal: NodeJS.Signals) => void
  readonly isRunning: () => boolean
  readonly ended: Effect.Effect<Ended>
}

export const root = resolve(import.meta.dirname, "../../..")

/** Nothing of this machine's settings but where programs are; the pinned Node first. */
const environment = { PATH: `${dirname(process.execPath)}:${process.env["PATH"] ?? ""}`, NODE_NO_WARNINGS: "1" }

/** The secrets the tests use, the tokens of the emulator, and whatever looks like either. */
const secrets = /s3cr3t|canary-|emulator-\d+-[0-9a-z]|whsec_[A-Za-z0-9+/]{8}|Bearer [A-Za-z0-9]/

/** What a program has written anywhere: fails the test where it holds a secret. */
export const withoutSecrets = (where: string, written: string): string => {
  const found = secrets.exec(written)
  if (found === null) return written
  throw new Error(`${where} holds a secret: ${written.slice(Math.max(0, found.index - 100), found.index + 100)}`)
}

const filesIn = async (path: string): Promise<ReadonlyArray<string>> => {
  const entries = await readdir(path, { recursive: true, withFileTypes: true })
  return entries.filter((entry) => entry.isFile()).map(({ name, parentPath }) => join(parentPath, name))
}

const open = (command: string, args: ReadonlyArray<string>, env: Readonly<Record<string, string>>) => {
  const child = spawn(command, args, { cwd: root, env: { ...environment, ...env }, stdio: ["ignore", "pipe", "pipe"] })
  let stdout = ""
  let stderr = ""
  child.stdout.setEncoding("utf8").on("data", (text: string) => (stdout += text))
  child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text))
  const ended = new Promise<Ended>((done, failed) => {
    child.on("error", failed)
    child.on("close", (code, signal) => {
      try {
        withoutSecrets(command, stdout + stderr)
        done({ code, signal, stdout, stderr })
      } catch (error) {
        failed(error)
      }
    })
  })
  const running: Running = {
    stdout: () => stdout,
    stderr: () => stderr,
    kill: (signal) => void child.kill(signal),
    isRunning: () => child.exitCode === null && child.signalCode === null,
    ended: Effect.promise(() => ended)
  }
  return running
}

const started = (command: string, args: ReadonlyArray<string>, env: Readonly<Record<string, string>>) =>
  Effect.acquireRelease(
    Effect.sync(() => open(command, args, env)),
    (running) => Effect.sync(() => running.kill("SIGKILL"))
  )

/** Starts `node examples/<file> …args`, killed at the latest when the scope closes. */
export const start = (
  file: string,
  args: ReadonlyArray<string>,
  env: Readonly<Record<string, string>> = {}
): Effect.Effect<Running, never, Scope.Scope> => started(process.execPath, [join("examples", file), ...args], env)

export const run = (
  file: string,
  args: ReadonlyArray<string>,
  env: Readonly<Record<string, string>> = {}
): Effect.Effect<Ended> => Effect.scoped(Effect.flatMap(start(file, args, env), ({ ended }) => ended))

/** A command line as a person types it. */
export const runShell = (line: string, env: Readonly<Record<string, string>> = {}): Effect.Effect<Ended> =>
  Effect.scoped(Effect.flatMap(started("sh", ["-c", line], env), ({ ended }) => ended))

/** A program on a terminal of its own. */
export interface OnTerminal {
  /** Everything it has shown so far, control sequences and all. */
  readonly shown: () => string
  /** Types; `ctrlC` is a key as well. */
  readonly type: (keys: string) => void
  readonly resize: (columns: number) => void
  readonly isRunning: () => boolean
  readonly code: Effect.Effect<number>
}

export const ctrlC = "\x03"

/** Starts a command on a terminal, hung up at the latest when the scope closes. */
export const startOnTerminal = (
  command: string,
  args: ReadonlyArray<string>,
  env: Readonly<Record<string, string>> = {}
): Effect.Effect<OnTerminal, never, Scope.Scope> =>
  Effect.map(
    Effect.acquireRelease(
      Effect.sync(() => {
        const terminal = pty.spawn(command, Array.from(args), {
          cols: 80,
          rows: 24,
          cwd: root,
          env: { ...environment, TERM: "xterm", ...env }
        })
        let shown = ""
        let isRunning = true
        terminal.onData((text) => (shown += text))
        const ended = new Promise<number>((done) => {
          terminal.onExit(({ exitCode }) => {
            isRunning = false
            done(exitCode)
          })
        }).then((code) => {
          withoutSecrets(command, shown)
          return code
        })
        return { terminal, shown: () => shown, isRunning: () => isRunning, ended }
      }),
      ({ isRunning, terminal }) => Effect.sync(() => isRunning() && terminal.kill("SIGKILL"))
    ),
    ({ ended, isRunning, shown, terminal }) => ({
      shown,
      isRunning,
      type: (keys) => terminal.write(keys),
      resize: (columns) => terminal.resize(columns, 24),
      code: Effect.promise(() => ended)
    })
  )

/** A folder of the test's own; what is left in it at the end must hold no secret. */
export const folder: Effect.Effect<string, never, Scope.Scope> = Effect.acquireRelease(
  Effect.promise(() => mkdtemp(join(tmpdir(), "replay-test-"))),
  (path) =>
    Effect.promise(async () => {
      const files = await filesIn(path)
      const contents = await Promise.all(files.map((file) => readFile(file, "utf8")))
      await rm(path, { recursive: true, force: true })
      for (const [index, content] of contents.entries()) withoutSecrets(files[index] ?? path, content)
    })
)

/** Waits until something holds; programs and sockets run in real time. */
export const eventually = (holds: () => boolean): Effect.Effect<void> =>
  Effect.suspend(() => (holds() ? Effect.void : Effect.andThen(Effect.sleep("5 millis"), eventually(holds))))

export const lastLine = (text: string): string => text.trimEnd().split("\n").at(-1) ?? ""

/** What a shell hands on as one word. */
export const word = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`
