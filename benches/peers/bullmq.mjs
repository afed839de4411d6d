// Express and BullMQ: `node bullmq.mjs PORT REDIS_PORT`. POST /api/jobs/start enqueues its body; nobody works on it.
import { Queue } from 'bullmq'
import express from 'express'

const queue = new Queue('jobs', { connection: { host: '127.0.0.1', port: Number(process.argv[3]) } })
await queue.waitUntilReady()

const app = express()
app.disable('x-powered-by')
app.post('/api/jobs/start', express.json(), async (request, response) => {
  const job = await queue.add('start', request.body)
  response.status(202).json({ success: true, job_id: job.id, status: 'pending' })
})
app.listen(Number(process.argv[2]), '127.0.0.1', 4096)
