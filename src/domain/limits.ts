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
  /** Content of a text or markdown message of an app, UTF-8 bytes; the platform cuts what is more without a word (90236). */
  messageBytes: 2_048,
  /** Messages to one member by one app; the platform drops what is more without a word (90236). */
  messagesPerMinute: 30,
  messagesPerHour: 1_000,
  /** How long the platform is asked to look for duplicates of a message; its maximum is 14,400 s (90236). */
  duplicateCheckSeconds: 120,
  /** Receivers of one message (90236). */
  usersPerMessage: 1_000,
  partiesPerMessage: 100,
  tagsPerMessage: 100,
  /** Articles of a news message, and UTF-8 bytes of their titles and descriptions (90236). */
  articles: 8,
  articleTitleBytes: 128,
  articleDescriptionBytes: 512,
  /** Content of a group robot's text, and of its markdown (91770). */
  robotTextBytes: 2_048,
  robotMarkdownBytes: 4_096,
  /** Messages of one group robot (91770). */
  robotPerMinute: 20,
  /** A picture of a group robot, which travels inside the message (91770). */
  robotImageBytes: 2 * 1_048_576,
  /** Media of an app: at least, and at most by kind (90253). */
  mediaBytes: { least: 6, image: 10 * 1_048_576, voice: 2 * 1_048_576, video: 10 * 1_048_576, file: 20 * 1_048_576 },
  /** Longest voice message (90253). */
  voiceMs: 60_000,
  /** Pictures in a finish frame (100719); ours is the most bytes together, before base64. */
  framePictures: { most: 10, bytes: 10 * 1_048_576, bytesTogether: 8 * 1_048_576 },
  /** How long a link to media of a Bot's user is valid, from its callback (100719). */
  mediaUrlMs: 300_000,
  /** A token is renewed this long before it expires; ours (91039 says only that it may end early). */
  tokenMarginMs: 300_000,
} as const
