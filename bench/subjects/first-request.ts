// A script that asks for a token and ends: no start of a program on Node can be earlier.
import { request } from "node:http"

const sent = request(`${process.env["CXONE_INSTANCE_URL"]}/oauth2/token`, { method: "POST" }, (response) => {
  response.resume()
})
sent.end()
