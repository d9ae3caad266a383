/** What a Node program provides to the library. */
export * as NodeEventBridge from "./NodeEventBridge.ts"
