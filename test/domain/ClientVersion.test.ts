import { assert, it } from "@effect/vitest"
import { clientVersion } from "../../src/domain/ClientVersion.ts"
import packageJson from "../../package.json" with { type: "json" }

it("clientVersion is the version of the package", () => {
  assert.strictEqual(clientVersion, packageJson.version)
})
