/** The settings of this machine that measured programs get: where programs are, and what makes Node take a profile. */
export const environment = { PATH: process.env["PATH"], NODE_OPTIONS: process.env["NODE_OPTIONS"] }
