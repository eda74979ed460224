// Everything that the configured role must be allowed, in an order in which it can be granted.
import type { PrivilegeCheck } from '../finding.ts';
import { databaseCreate } from './database-create.ts';
import { originFunctions } from './origin-functions.ts';
import { ownSchema } from './own-schema.ts';
import { ownership } from './ownership.ts';
import { replicaRole } from './replica-role.ts';
import { replicationAttribute } from './replication-attribute.ts';
import { rowSecurity } from './row-security.ts';
import { tables } from './tables.ts';

export const privilegeChecks: readonly PrivilegeCheck[] = [
  replicationAttribute,
  replicaRole,
  databaseCreate,
  ownSchema,
  originFunctions,
  ownership,
  tables,
  rowSecurity,
];
