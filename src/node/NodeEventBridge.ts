import { NodeFileSystem, NodeHttpClient, NodePath } from "@effect/platform-node"
import { type FileSystem, Layer, type Path } from "effect"
import type { HttpClient } from "effect/http"

/** What a Node program provides to the library: an HTTP client that keeps its connections, and files. */
export const layer: Layer.Layer<FileSystem.FileSystem | HttpClient.HttpClient | Path.Path> = Layer.mergeAll(
  NodeHttpClient.layerUndici,
  NodeFileSystem.layer,
  NodePath.layer
)
