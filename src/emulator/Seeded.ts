/**
 * Randomness without state: a draw is a pure function of a seed and of what it is for. Concurrent requests may arrive
 * in any order and still meet the same fate in every run with the same seed.
 */

const round = (hash: number, word: number): number => {
  let mixed = Math.imul(hash ^ word, 0x9e3779b1)
  mixed = Math.imul(mixed ^ (mixed >>> 15), 0x85ebca6b)
  return mixed ^ (mixed >>> 13)
}

const finish = (hash: number): number => {
  let mixed = Math.imul(hash ^ (hash >>> 16), 0xc2b2ae35)
  mixed ^= mixed >>> 15
  return mixed >>> 0
}

/** 32 unsigned bits out of a seed and two integers. */
export const bits = (seed: number, a: number, b: number): number => finish(round(round(seed | 0, a | 0), b | 0))

/** A number from 0 up to, not including, 1. */
export const unit = (seed: number, a: number, b: number): number => bits(seed, a, b) / 4_294_967_296

/** 32 signed bits out of a text; two of them under different seeds and the length tell bodies apart. */
export const ofText = (seed: number, text: string): number => {
  let hash = seed | 0
  for (let index = 0; index < text.length; index++) hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193)
  return finish(hash ^ text.length) | 0
}
