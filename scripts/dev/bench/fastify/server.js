// The peer: Fastify with pg, one statement a request, answers written by compiled schemas.
import { randomUUID } from 'node:crypto'
import { createVerifier } from 'fast-jwt'
import Fastify from 'fastify'
import pg from 'pg'

const { JWT_SECRET, DB_HOST, DB_PORT, DB_USER, DB_PASSWORD, DB_NAME, PORT } = process.env
const pool = new pg.Pool({
  host: DB_HOST, port: Number(DB_PORT), user: DB_USER, password: DB_PASSWORD, database: DB_NAME, max: 10
})
const verify = createVerifier({ key: JWT_SECRET, algorithms: ['HS256'] })

const LIVE = `EXISTS (SELECT FROM sessions s JOIN users u ON u.id = s.user_id WHERE s.id = $1
  AND s.user_id = $2 AND s.revoked_at IS NULL AND s.idle_expires_at > clock_timestamp()
  AND s.expires_at > clock_timestamp() AND u.active)`
const COLUMNS = 'id, owner_id, title, description, status, quantity, tags, due_at, created_at, updated_at'
const STATEMENTS = {
  one: `SELECT ${COLUMNS} FROM items WHERE id = $3 AND owner_id = $2 AND ${LIVE}`,
  page: `SELECT ${COLUMNS} FROM items WHERE owner_id = $2 AND ${LIVE}
    ORDER BY created_at DESC, id DESC LIMIT $3`,
  create: `INSERT INTO items (id, owner_id, version, title, status, quantity, tags)
    SELECT $3, $2, 1, $4, 'draft', 1, '{}' WHERE ${LIVE} RETURNING ${COLUMNS}`,
  change: `UPDATE items SET title = $4, version = version + 1, updated_at = clock_timestamp()
    WHERE id = $3 AND owner_id = $2 AND ${LIVE} RETURNING ${COLUMNS}`
}

async function rows (name, request, ...values) {
  const { sid, sub } = verify(request.headers.authorization.slice(7))
  return (await pool.query({ name, text: STATEMENTS[name], values: [sid, sub, ...values] })).rows
}

const text = { type: 'string' }
const time = { type: 'string', format: 'date-time' }
const item = {
  type: 'object',
  properties: {
    id: text, owner_id: text, title: text, description: { ...text, nullable: true }, status: text,
    quantity: { type: 'integer' }, tags: { type: 'array', items: text },
    due_at: { ...time, nullable: true }, created_at: time, updated_at: time
  }
}
const params = { type: 'object', properties: { id: { ...text, format: 'uuid' } } }
const body = {
  type: 'object',
  required: ['title'],
  properties: { title: { ...text, minLength: 1, maxLength: 200 } }
}
const page = { type: 'object', properties: { data: { type: 'array', items: item }, next_cursor: { ...text, nullable: true } } }
const limit = { type: 'integer', minimum: 1, maximum: 100, default: 20 }

const app = Fastify()
app.addContentTypeParser('application/merge-patch+json', { parseAs: 'string' }, app.getDefaultJsonParser('error', 'error'))
app.get('/livez', async () => ({ status: 'ok' }))
app.get('/items/:id', { schema: { params, response: { 200: item } } }, async (request) =>
  (await rows('one', request, request.params.id))[0])
app.get('/items', { schema: { querystring: { type: 'object', properties: { limit } }, response: { 200: page } } },
  async (request) => ({ data: await rows('page', request, request.query.limit), next_cursor: null }))
app.post('/items', { schema: { body, response: { 201: item } } }, async (request, reply) => {
  reply.code(201)
  return (await rows('create', request, randomUUID(), request.body.title))[0]
})
app.patch('/items/:id', { schema: { params, body, response: { 200: item } } }, async (request) =>
  (await rows('change', request, request.params.id, request.body.title))[0])
await app.listen({ host: '127.0.0.1', port: Number(PORT) })
