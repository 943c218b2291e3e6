// Roles that run alone share a PostgreSQL that none of them owns; each main of such a role asks here where it is.
import { StartupError, type Config } from '#libs/platform';

export function externalDatabase(config: Pick<Config, 'databaseUrl'>, role: string): string {
  if (config.databaseUrl !== null) return config.databaseUrl;
  throw new StartupError(
    `the ${role} alone needs DATABASE_URL: only npm start brings a PostgreSQL of its own (its URL is what rollcredits url prints)`,
  );
}
