/** The parts of an HTTP request that a callback needs. */
export interface HttpRequest {
  readonly method: 'GET' | 'POST'
  /** Raw, without the `?`. */
  readonly query: string
  readonly body: string
}

export interface HttpAnswer {
  readonly status: number
  readonly body: string
  readonly contentType?: string
}

/** The handler of one callback URL. The listener has already checked path, method and body size. */
export interface Endpoint {
  /** Never rejects; errors become a status. */
  handle(request: HttpRequest): Promise<HttpAnswer>
}

/** Why a callback was refused. `cause` is a constant, `offSeconds` how far the clock of this host is off. */
export interface Refusal {
  readonly cause: string
  readonly reason: string
  readonly hint?: string
  readonly offSeconds?: number
}
