import { setDefaultTimeout } from 'bun:test'

// Whole daemons, a browser and a real gateway share two cores.
setDefaultTimeout(60_000)
