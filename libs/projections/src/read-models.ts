// 4 project · every read model of the product: what the projector projects and a rebuild may name.
import { balanceByAccount } from './balance-by-account/project.js';
import type { ReadModel } from './engine/read-model.port.js';
import { movements } from './movements/project.js';
import { taskStatus } from './task-status/project.js';

export const READ_MODEL_LIST: readonly ReadModel[] = [balanceByAccount, taskStatus, movements];
