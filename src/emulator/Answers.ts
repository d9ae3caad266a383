import { HttpServerResponse } from "effect/http"

/** `JSON.stringify` writes `JSON.rawJSON` values digit by digit. */
export const json = (status: number, body: unknown, headers: Readonly<Record<string, string>> = {}) =>
  HttpServerResponse.text(JSON.stringify(body), { status, headers, contentType: "application/json" })

export const html = (status: number, title: string) =>
  HttpServerResponse.text(`<html><head><title>${title}</title></head><body><h1>${title}</h1></body></html>`, {
    status,
    contentType: "text/html"
  })

/** A failure in the service's words. */
export const failure = (status: number, message: string, headers: Readonly<Record<string, string>> = {}) =>
  json(status, { message }, headers)
