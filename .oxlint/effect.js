// Rules that Oxlint does not have itself.
import * as path from "node:path"

const fileOf = (context) => path.relative(context.cwd, context.filename).split(path.sep).join("/")

/** Failures belong in Effect's error channel, where the type shows them. */
const noThrow = {
  meta: { type: "problem", schema: [] },
  create: (context) => ({
    ThrowStatement: (node) => {
      context.report({ node, message: "No `throw`: fail with a typed error (Effect.fail, Result.fail)." })
    }
  })
}

/** Re-exports are for the package's entry points. */
const noReexport = {
  meta: { type: "problem", schema: false },
  create: (context) => {
    if (context.options[0].except.includes(fileOf(context))) return {}
    const check = (node) => {
      if (node.source) context.report({ node, message: "No re-exports but in the package's entry points." })
    }
    return { ExportAllDeclaration: check, ExportNamedDeclaration: check }
  }
}

const isWithin = (entry, target) => target === entry || target.startsWith(entry.endsWith(":") ? entry : `${entry}/`)

/** Options: for each layer (a folder or a file) what it may import: packages, `node:`, layers. */
const layers = {
  meta: { type: "problem", schema: false },
  create: (context) => {
    const file = fileOf(context)
    const allowed = Object.entries(context.options[0]).find(([layer]) => isWithin(layer, file))?.[1]
    if (allowed === undefined) {
      return { Program: (node) => context.report({ node, message: `${file} is in no layer.` }) }
    }
    const check = (node, source) => {
      if (typeof source?.value !== "string") return
      const target = source.value.startsWith(".")
        ? path.posix.join(path.posix.dirname(file), source.value)
        : source.value
      if (!allowed.some((entry) => isWithin(entry, target))) {
        context.report({ node, message: `${file} must not import ${target}, only: ${allowed.join(", ")}.` })
      } else if (file !== "src/index.ts" && /^src\/(.*\/)?index\.ts$/.test(target)) {
        context.report({ node, message: `${file} must not import ${target}: import the module itself.` })
      }
    }
    const checkSource = (node) => check(node, node.source)
    return {
      ImportDeclaration: checkSource,
      ImportExpression: checkSource,
      ExportAllDeclaration: checkSource,
      ExportNamedDeclaration: checkSource,
      TSImportType: checkSource
    }
  }
}

export default {
  meta: { name: "effect" },
  rules: { "no-throw": noThrow, "no-reexport": noReexport, layers }
}
