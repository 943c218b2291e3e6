import { describeKeyVault } from '../sealing/key-vault.contract.js';
import { MemoryKeyVault } from './memory-key-vault.js';

describeKeyVault('customers’ keys in memory', async () => new MemoryKeyVault());
