/** UTF-8 says a UTF-16 code unit in three bytes at most. */
export const maxBytesPerUnit = 3
