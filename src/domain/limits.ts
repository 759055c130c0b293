/**
 * WeCom's limits. The number in parentheses is the page that states it:
 * developer.work.weixin.qq.com/document/path/<number>. `unverified` marks values that no page states.
 */
export const limits = {
  /** Content of one stream frame, UTF-8 bytes (101031). */
  streamContentBytes: 20_480,
  /** Length of our own stream ids. WeCom's maximum is unverified. */
  streamIdChars: 64,
  /** How long after the user's message WeCom keeps refreshing a stream (100719). */
  streamWindowMs: 360_000,
  /** Unfinished streams per user and Bot. WeCom does not deliver further messages (100719). */
  openStreamsPerUser: 3,
  /** How long WeCom waits for the response to a callback (101027 for cards; unverified for messages). */
  callbackAnswerMs: 5_000,
  /** How far a callback's timestamp may be off. Our choice, wide enough for a host without NTP. */
  timestampSkewMs: 300_000,
  /** Callback bodies are a few KiB. WeCom's maximum is unverified. */
  callbackBodyBytes: 1_048_576,
  /** Length of a msgid, userid, chatid or stream id. 100719 states no maximum; this one is generous and unverified. */
  idChars: 128,
  /** How long a response_url is valid after its callback (101138). */
  responseUrlMs: 3_600_000,
  /** Markdown content for a response_url, in UTF-8 bytes (101138). */
  responseMarkdownBytes: 20_480,
  /** Content of an app's text or markdown message, in UTF-8 bytes. WeCom silently truncates longer ones (90236). */
  messageBytes: 2_048,
  /** Messages from one app to one member. WeCom silently drops further ones (90236). */
  messagesPerMinute: 30,
  messagesPerHour: 1_000,
  /** The `duplicate_check_interval` that we request. WeCom's maximum is 14,400 s (90236). */
  duplicateCheckSeconds: 120,
  /** Recipients of one message (90236). */
  usersPerMessage: 1_000,
  partiesPerMessage: 100,
  tagsPerMessage: 100,
  /** Articles in a news message, and the UTF-8 bytes of their titles and descriptions (90236). */
  articles: 8,
  articleTitleBytes: 128,
  articleDescriptionBytes: 512,
  /** Content of a group robot's text and markdown, in UTF-8 bytes (91770). */
  robotTextBytes: 2_048,
  robotMarkdownBytes: 4_096,
  /** Messages of one group robot (91770). */
  robotPerMinute: 20,
  /** A group robot's picture, which is part of the message instead of an upload (91770). */
  robotImageBytes: 2 * 1_048_576,
  /** Media of an app: the smallest size of any kind, and the largest of each (90253). */
  mediaBytes: { least: 6, image: 10 * 1_048_576, voice: 2 * 1_048_576, video: 10 * 1_048_576, file: 20 * 1_048_576 },
  /** Longest voice message (90253). */
  voiceMs: 60_000,
  /** Pictures in a finish frame (100719). `bytesTogether` is our choice. Sizes are before base64. */
  framePictures: { most: 10, bytes: 10 * 1_048_576, bytesTogether: 8 * 1_048_576 },
  /** How long a link to media from a Bot's user is valid after its callback (100719). */
  mediaUrlMs: 300_000,
  /** How long before its expiry a token is renewed. Our choice: 91039 says only that a token may end early. */
  tokenMarginMs: 300_000,
} as const
