/** A UTF-16 code unit takes at most three bytes in UTF-8. */
export const maxBytesPerUnit = 3
