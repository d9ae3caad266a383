/** Keeps what was made last. For what is made of the same text nearly every time: its test is one comparison. */
export const make = <A>(of: (text: string) => A): ((text: string) => A) => {
  let last: { readonly text: string; readonly made: A } | undefined
  return (text) => {
    if (last?.text !== text) last = { text, made: of(text) }
    return last.made
  }
}
