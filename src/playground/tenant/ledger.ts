/** The way a user saw something. A `violation` is a broken rule that WeCom would reject or silently ignore. */
export type LedgerKind =
  | 'frame-final'
  | 'frame-expired'
  | 'markdown'
  | 'card'
  | 'welcome'
  | 'violation'
  | `app-${'text' | 'markdown' | 'card' | 'card-update' | 'media' | 'news' | 'recall'}`
  | `group-${'text' | 'markdown' | 'media' | 'news'}`
  | `robot-${'text' | 'markdown' | 'card' | 'media' | 'news'}`

/** A file as shown to a user. */
export interface SeenMedia {
  readonly type: string
  readonly name: string
  readonly bytes: number
  readonly sha256: string
}

/** Something that was shown to a user or a group. */
export interface LedgerEntry {
  readonly at: number
  readonly kind: LedgerKind
  /** The user who saw it; empty for messages of apps and robots to a group. */
  readonly userid: string
  /** The group; for `robot-*` the name of the robot. */
  readonly chatid?: string
  /** The message that it answers. For messages of apps and robots, their own msgid. */
  readonly msgid: string
  /** The visible text; for media the file name, for cards and news the JSON. */
  readonly text: string
  /** The app that sent it. */
  readonly agentId?: number
  readonly media?: SeenMedia
}

export type ChatPlace = Pick<LedgerEntry, 'userid' | 'chatid'>

/** Everything that was shown to the users of a tenant, in order. */
export class Ledger {
  readonly entries: LedgerEntry[] = []

  constructor(private readonly onEntry: (entry: LedgerEntry) => void) {}

  add(entry: LedgerEntry): void {
    this.entries.push(entry)
    this.onEntry(entry)
  }

  violations(): readonly string[] {
    return this.entries.filter(entry => entry.kind === 'violation').map(entry => entry.text)
  }

  /** Everything shown in a group (`chatid`), or to a user in single chats, by the Bot and by apps. */
  seen(place: Partial<ChatPlace>): readonly LedgerEntry[] {
    return this.entries.filter(entry => {
      if (entry.kind === 'violation' || entry.chatid !== place.chatid) return false
      return place.chatid !== undefined || entry.userid === place.userid
    })
  }
}

/** Picks the fields of a place and omits an undefined chatid. */
export function placeOf({
  userid,
  chatid,
}: {
  readonly userid: string
  readonly chatid?: string | undefined
}): ChatPlace {
  return chatid === undefined ? { userid } : { userid, chatid }
}
