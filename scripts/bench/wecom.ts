/** A WeCom that takes everything at once and shows nobody anything; `/count` tells how many messages it took. */
let taken = 0

Bun.serve({
  hostname: '127.0.0.1',
  port: Number(process.env.PORT),
  async fetch(request) {
    const { pathname } = new URL(request.url)
    if (pathname === '/count') return new Response(String(taken))
    if (pathname === '/cgi-bin/gettoken')
      return Response.json({ errcode: 0, errmsg: 'ok', access_token: 'bench-token', expires_in: 7_200 })
    if (pathname !== '/cgi-bin/message/send') return new Response('', { status: 404 })
    await request.text()
    taken++
    return Response.json({ errcode: 0, errmsg: 'ok', msgid: `m${taken}` })
  },
})
