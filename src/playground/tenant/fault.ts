/** A fault of one API request, before or after the request has taken effect. */
export interface ApiFault {
  readonly when: 'before' | 'after'
  /** `reset` closes the connection, `hang` never answers, a number is an HTTP status. 200 only delays. */
  readonly how: 'reset' | 'hang' | number
  readonly delayMs?: number
}

/** Queues of faults and errcodes. Each is used for one request. */
export class Faults {
  private readonly faults: { where: string | undefined; fault: ApiFault }[] = []
  private readonly errcodes: { path: string; errcode: number }[] = []

  /** `where` is a path or a whole URL; undefined matches any request. */
  add(fault: ApiFault, where?: string): void {
    this.faults.push({ where, fault })
  }

  addErrcode(path: string, errcode: number, times: number): void {
    for (let count = 0; count < times; count++) this.errcodes.push({ path, errcode })
  }

  takeFault(url: string, path: string): ApiFault | undefined {
    const index = this.faults.findIndex(({ where }) => where === undefined || where === url || where === path)
    return index < 0 ? undefined : this.faults.splice(index, 1)[0]?.fault
  }

  takeErrcode(path: string): number | undefined {
    const index = this.errcodes.findIndex(waiting => waiting.path === path)
    return index < 0 ? undefined : this.errcodes.splice(index, 1)[0]?.errcode
  }
}
