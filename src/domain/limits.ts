/**
 * The platform's numbers. The source is the page number on developer.work.weixin.qq.com/document/path/<number>;
 * `unverified` where no page states it.
 */
export const limits = {
  /** Content of one stream frame, UTF-8 bytes (101031). */
  streamContentBytes: 20_480,
  /** Our stream ids; the platform's own maximum is unverified. */
  streamIdChars: 64,
  /** Refreshes stop this long after the user's message (100719). */
  streamWindowMs: 360_000,
  /** Unfinished streams per user and Bot; a further message is not delivered (100719). */
  openStreamsPerUser: 3,
  /** A callback must be answered within this time (101027 for cards; unverified for messages). */
  callbackAnswerMs: 5_000,
  /** A callback's timestamp may be off by this much; ours, wide enough for a host without NTP. */
  timestampSkewMs: 300_000,
  /** Callback bodies are a few KiB; the platform's own maximum is unverified. */
  callbackBodyBytes: 1_048_576,
  /** msgid, userid, chatid and stream id (100719 states at most 128 for none of them; unverified, generous). */
  idChars: 128,
  /** How long a response_url is valid, from its callback (101138). */
  responseUrlMs: 3_600_000,
  /** Markdown content for a response_url, UTF-8 bytes (101138). */
  responseMarkdownBytes: 20_480,
} as const
