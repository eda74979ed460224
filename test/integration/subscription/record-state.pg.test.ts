// The state that is on the source in the end is the last one that was recorded.
import { pino } from 'pino';
import { expect, test } from 'vitest';
import { Session } from '../../../src/postgres/session.ts';
import { schemaStatements } from '../../../src/setup/schema.ts';
import { StateRecorder } from '../../../src/subscription/record-state.ts';
import { createDatabase } from '../../support/database.ts';
import { databaseConfig } from '../../support/database-config.ts';
import { newest, sharedServer } from '../../support/servers-for-tests.ts';

test('a state that is recorded when an earlier one has just been written', async () => {
  const database = await createDatabase(await sharedServer(newest), 'record state');
  await database.query(`${schemaStatements.join(';\n')};
    insert into replicator.subscriptions (target) values ('b')`);
  const recorder = new StateRecorder(databaseConfig(database), pino({ enabled: false }));
  {
    await using reader = await Session.connect(databaseConfig(database), {
      purpose: 'status',
      name: 'b',
    });
    const state = async () => {
      const [row] = await reader.query('select state from replicator.subscriptions');
      return row?.['state'];
    };
    for (let round = 0; round < 50; round++) {
      recorder.record('b', 'waiting', undefined);
      while ((await state()) !== 'waiting');
      recorder.record('b', 'streaming', undefined);
      await recorder.flush();
      expect(await state()).toBe('streaming');
    }
  }
  await database.drop();
});
