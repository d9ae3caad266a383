import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import * as NodePath from "@effect/platform-node/NodePath"
import { type FileSystem, Layer, type Path } from "effect"
import type { Digest } from "effect/crypto"
import type { HttpClient } from "effect/http"
import * as BufferedHttpClient from "./BufferedHttpClient.ts"
import * as NodeDigest from "./NodeDigest.ts"
import * as NodeProcessIdentity from "./NodeProcessIdentity.ts"

/**
 * What a Node program provides to the library: an HTTP client that keeps its connections and reads each answer whole,
 * files, hashes, and its identity.
 */
export const layer: Layer.Layer<Digest.Digest | FileSystem.FileSystem | HttpClient.HttpClient | Path.Path> =
  Layer.mergeAll(
    BufferedHttpClient.layer,
    NodeFileSystem.layer,
    NodePath.layer,
    NodeDigest.layer,
    NodeProcessIdentity.layer
  )
