// Express and pg-boss: `node pg-boss.mjs PORT DATABASE_URL`. POST /api/jobs/start enqueues its body; nobody works on it.
import express from 'express'
import PgBoss from 'pg-boss'

const queue = 'jobs'
// As many connections as jobcast opens to PostgreSQL.
const boss = new PgBoss({ connectionString: process.argv[3], max: 12 })
boss.on('error', console.error)
await boss.start()
await boss.createQueue(queue)

const app = express()
app.disable('x-powered-by')
app.post('/api/jobs/start', express.json(), async (request, response) => {
  const jobId = await boss.send(queue, request.body)
  response.status(202).json({ success: true, job_id: jobId, status: 'pending' })
})
app.listen(Number(process.argv[2]), '127.0.0.1', 4096)
