/** Something a user of the tenant saw, in order. `violation` is what the platform would have complained about. */
export interface LedgerEntry {
  readonly at: number
  readonly kind: 'frame-final' | 'frame-expired' | 'markdown' | 'card' | 'welcome' | 'violation'
  readonly userid: string
  readonly chatid?: string
  /** The message that it answers. */
  readonly msgid: string
  readonly text: string
}

export type Place = Pick<LedgerEntry, 'userid' | 'chatid'>

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

  /** What was shown in a group (`chatid`), or in the single chat of a user. */
  seen(place: Partial<Place>): readonly LedgerEntry[] {
    return this.entries.filter(entry => {
      if (entry.kind === 'violation' || entry.chatid !== place.chatid) return false
      return place.chatid !== undefined || entry.userid === place.userid
    })
  }
}

/** The fields of a place, without an undefined chatid. */
export function placeOf({ userid, chatid }: { readonly userid: string; readonly chatid?: string | undefined }): Place {
  return chatid === undefined ? { userid } : { userid, chatid }
}
