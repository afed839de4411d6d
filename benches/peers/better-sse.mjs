// Express and better-sse: `node better-sse.mjs PORT`. GET /sub/CHANNEL streams, POST /pub/CHANNEL publishes its body.
import { createChannel, createSession } from 'better-sse'
import express from 'express'

const channels = new Map()
const channelOf = (name) => {
  if (!channels.has(name)) channels.set(name, createChannel())
  return channels.get(name)
}

const app = express()
app.disable('x-powered-by')
app.get('/sub/:channel', async (request, response) => {
  // The data is text already; to make JSON of it again would be a cost that the others do not have.
  const session = await createSession(request, response, { serializer: (data) => data })
  channelOf(request.params.channel).register(session)
})
app.post('/pub/:channel', express.text(), (request, response) => {
  channelOf(request.params.channel).broadcast(request.body, 'progress')
  response.status(204).end()
})
app.listen(Number(process.argv[2]), '127.0.0.1', 4096)
