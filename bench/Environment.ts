/** What measured programs get of this machine's settings: where programs are, and what tells Node to take a profile. */
export const environment = { PATH: process.env["PATH"], NODE_OPTIONS: process.env["NODE_OPTIONS"] }
