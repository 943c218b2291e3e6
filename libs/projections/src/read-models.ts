// 4 project · every read model of the product: what the projector projects and a rebuild may name.
import { adjustments } from './adjustments/project.js';
import { balanceByAccount } from './balance-by-account/project.js';
import { disputes } from './disputes/project.js';
import type { ReadModel } from './engine/read-model.port.js';
import { journal } from './journal/project.js';
import { movements } from './movements/project.js';
import { providerBills } from './provider-bills/project.js';
import { attempts } from './studio/attempts/project.js';
import { briefs } from './studio/briefs/project.js';
import { taskStatus } from './task-status/project.js';
import { userTimeline } from './user-timeline/project.js';

export const READ_MODEL_LIST: readonly ReadModel[] = [
  balanceByAccount,
  taskStatus,
  movements,
  journal,
  disputes,
  adjustments,
  userTimeline,
  providerBills,
  briefs,
  attempts,
];
