/** A request on a callback URL, as far as a callback needs it. */
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

/** One callback URL. The listener checks path, method and size first. */
export interface Endpoint {
  /** Never rejects. */
  handle(request: HttpRequest): Promise<HttpAnswer>
}
