// NestJS on Express: the session middleware, a guard and a controller.
import {
  Controller,
  Get,
  Module,
  Param,
  Post,
  Session,
  UnauthorizedException,
  UseGuards,
  type CanActivate,
  type ExecutionContext,
  type OnApplicationShutdown,
} from '@nestjs/common'
import { NestFactory } from '@nestjs/core'
import session from 'express-session'
import type { SessionData } from 'express-session'
import { MongoSessionStore } from 'mongodb-session-store'

declare module 'express-session' {
  interface SessionData {
    user: { id: string; name: string }
  }
}

const store = new MongoSessionStore({
  uri: process.env['MONGODB_URI'] ?? 'mongodb://localhost:27017/express_sessions',
})
store.on('error', (error) => console.error(error.message))

class LoggedIn implements CanActivate {
  canActivate(context: ExecutionContext): boolean {
    if (context.switchToHttp().getRequest().session.user === undefined)
      throw new UnauthorizedException()
    return true
  }
}

@Controller()
class Pages {
  @Post('login/:name')
  login(@Session() current: SessionData, @Param('name') name: string) {
    current.user = { id: name, name }
    return { user: name }
  }

  @Get()
  @UseGuards(new LoggedIn())
  whoami(@Session() current: SessionData) {
    return { user: current.user?.name }
  }
}

@Module({ controllers: [Pages] })
class App implements OnApplicationShutdown {
  // After the HTTP server has closed: requests under way still save their sessions.
  async onApplicationShutdown() {
    await store.close()
  }
}

const app = await NestFactory.create(App, { logger: ['error'] })
app.use(
  session({
    secret: process.env['SESSION_SECRET'] ?? 'a secret of your own',
    store,
    resave: false,
    saveUninitialized: false,
  }),
)
app.enableShutdownHooks(['SIGTERM'])
await app.listen(Number(process.env['PORT'] ?? 3000))
