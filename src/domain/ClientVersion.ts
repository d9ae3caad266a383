/** The version of this library, which every replay names. A test keeps it equal to the one in package.json. */
export const clientVersion = "0.1.0"
