// 1 HTTP in · what the routes of prompts take.
import type { JsonObject } from '#libs/kernel';
import { requestLimits } from '../validation/limits.js';
import { Optional, Text } from '../validation/rules.js';
import { StudioId, Variables, Version, Word } from './studio.words.js';

const Template = (): PropertyDecorator => Text(1, () => requestLimits.promptCharactersMax, { description: 'A text with `{{variables}}`.' });

export class CreatePromptDto {
  @Optional()
  @StudioId()
  id?: string;

  @Word(200)
  name!: string;

  @Template()
  template!: string;
}

export class AddPromptVersionDto {
  @Template()
  template!: string;
}

export class MovePromptLabelDto {
  @Version()
  version!: number | string;
}

export class RenderPromptDto {
  @Optional()
  @StudioId()
  briefId?: string;

  @Optional()
  @Variables()
  variables?: JsonObject;
}
