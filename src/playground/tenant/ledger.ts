/** How the users saw something; `violation` is what the platform would have complained about. */
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

/** A file that was shown. */
export interface SeenMedia {
  readonly type: string
  readonly name: string
  readonly bytes: number
  readonly sha256: string
}

/** Something a user of the tenant saw, in order. */
export interface LedgerEntry {
  readonly at: number
  readonly kind: LedgerKind
  /** Who saw it; '' for what a group saw from an app or a robot. */
  readonly userid: string
  /** The group; of `robot-*` the robot's name. */
  readonly chatid?: string
  /** The message that it answers; of an app, a group or a robot the platform's msgid of the message itself. */
  readonly msgid: string
  /** What could be read; of media the name, of cards and news the JSON. */
  readonly text: string
  /** The app that sent it. */
  readonly agentId?: number
  readonly media?: SeenMedia
}

export type ChatPlace = Pick<LedgerEntry, 'userid' | 'chatid'>

/** Everything that the users of a tenant saw. */
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

  /** What was shown in a group (`chatid`), or to a user alone: by the Bot and by apps. */
  seen(place: Partial<ChatPlace>): readonly LedgerEntry[] {
    return this.entries.filter(entry => {
      if (entry.kind === 'violation' || entry.chatid !== place.chatid) return false
      return place.chatid !== undefined || entry.userid === place.userid
    })
  }
}

/** The fields of a place, without an undefined chatid. */
export function placeOf({
  userid,
  chatid,
}: {
  readonly userid: string
  readonly chatid?: string | undefined
}): ChatPlace {
  return chatid === undefined ? { userid } : { userid, chatid }
}
