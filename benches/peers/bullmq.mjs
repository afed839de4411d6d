// Express and BullMQ: `node bullmq.mjs PORT REDIS_PORT`. POST /api/jobs/start enqueues its body; nobody works on it.
import { Queue } from 'bullmq'
import express from 'express'
import { Redis } from 'ioredis'

// A queue's own setting for its connection: commands wait for Redis rather than fail.
const connection = new Redis(Number(process.argv[3]), '127.0.0.1', { maxRetriesPerRequest: null })
const queue = new Queue('jobs', { connection })
await queue.waitUntilReady()

const app = express()
app.disable('x-powered-by')
app.post('/api/jobs/start', express.json(), async (request, response) => {
  const job = await queue.add('start', request.body)
  response.status(202).json({ success: true, job_id: job.id, status: 'pending' })
})
app.listen(Number(process.argv[2]), '127.0.0.1', 4096)
