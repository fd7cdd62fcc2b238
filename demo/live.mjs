// What open pages are told without asking: server-sent events.

export class Live {
  #pages = new Set()

  /** Keeps a response open for what is to come. */
  open(req, res) {
    res.writeHead(200, { 'Content-Type': 'text/event-stream' })
    res.write('retry: 1000\n\n')
    const page = { res, sid: req.sessionID, person: req.session.person }
    this.#pages.add(page)
    res.on('close', () => this.#pages.delete(page))
  }

  /** Sends an event to all pages, or to those that `isMeant`: each is `{ sid, person }`. */
  tell(name, data, isMeant = () => true) {
    const event = `event: ${name}\ndata: ${JSON.stringify(data)}\n\n`
    for (const page of this.#pages) if (isMeant(page)) page.res.write(event)
  }

  end() {
    for (const { res } of this.#pages) res.end()
  }
}
