/** The version of this library, as every replay names it. A test holds it to the one in package.json. */
export const clientVersion = "0.1.0"
