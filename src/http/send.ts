import { type Static, t } from 'elysia'

const content = (description: string) => t.Optional(t.String({ minLength: 1, description }))

/** The body of `POST /api/send`: a target and exactly one of text, markdown, card, news and media. `app/admin.ts` checks "exactly one". */
export const sendBody = t.Object(
  {
    to: t.String({
      minLength: 1,
      maxLength: 100_000,
      description: 'user:ID, party:ID, tag:ID-or-name, group:CHATID or webhook:NAME.',
    }),
    account: t.Optional(
      t.String({ minLength: 1, description: 'Overrides an account in the target (`user:ID@account`).' }),
    ),
    text: content('Plain text. Split into several messages if too long.'),
    markdown: content('Markdown in the subset that WeCom renders. Split into several messages if too long.'),
    card: t.Optional(t.Record(t.String(), t.Unknown(), { description: 'A template_card object.' })),
    news: t.Optional(
      t.Array(
        t.Object(
          {
            title: t.String({ minLength: 1 }),
            url: t.String({ minLength: 1 }),
            description: t.Optional(t.String()),
            picurl: t.Optional(t.String()),
          },
          { additionalProperties: false },
        ),
        { minItems: 1, maxItems: 8 },
      ),
    ),
    media: t.Optional(
      t.Object(
        {
          fileName: t.String({ minLength: 1, maxLength: 1000 }),
          base64: t.Optional(t.String({ minLength: 1 })),
          path: t.Optional(t.String({ minLength: 1 })),
        },
        { additionalProperties: false },
      ),
    ),
    idempotencyKey: t.Optional(t.String({ minLength: 1, maxLength: 256 })),
  },
  { additionalProperties: false },
)

export type SendBody = Static<typeof sendBody>
