package chat

import (
	"context"

	"snug/store"
)

type setupStateOutput struct {
	Body struct {
		Needed    bool   `json:"needed" doc:"Nobody has set this instance up yet"`
		Workspace string `json:"workspace,omitempty" doc:"What the team is called, once it is set up"`
	}
}

func (s *Server) getSetup(ctx context.Context, _ *struct{}) (*setupStateOutput, error) {
	needed, err := s.store.SetupNeeded(ctx)
	if err != nil {
		return nil, err
	}
	out := &setupStateOutput{}
	out.Body.Needed = needed
	if !needed {
		workspace, err := s.store.Workspace(ctx)
		if err != nil {
			return nil, err
		}
		out.Body.Workspace = workspace.Name
	}
	return out, nil
}

const workspaceDescription = "After another `search_language`, messages are found by its rules by and by, the newest first."

type workspaceOutput struct{ Body store.Workspace }

func (s *Server) getWorkspace(ctx context.Context, _ *struct{}) (*workspaceOutput, error) {
	workspace, err := s.store.Workspace(ctx)
	return &workspaceOutput{Body: workspace}, err
}

type updateWorkspaceInput struct {
	Body struct {
		SearchLanguage *string `json:"search_language,omitempty" maxLength:"63" doc:"As english, german, …; simple takes words as they are"`
	}
}

func (s *Server) updateWorkspace(ctx context.Context, in *updateWorkspaceInput) (*workspaceOutput, error) {
	workspace, err := s.store.UpdateWorkspace(ctx, store.WorkspaceParams{SearchLanguage: in.Body.SearchLanguage})
	if err != nil {
		return nil, err
	}
	return &workspaceOutput{Body: workspace}, nil
}

type setupInput struct {
	Body struct {
		Workspace string `json:"workspace" doc:"What the team is called"`
		Account
	}
}

func (s *Server) setup(ctx context.Context, in *setupInput) (*loginOutput, error) {
	needed, err := s.store.SetupNeeded(ctx)
	if err != nil {
		return nil, err
	}
	if !needed {
		return nil, newProblem(store.Conflict, "This instance is set up already. Log in instead.")
	}
	workspace, err := oneLine("workspace", in.Body.Workspace)
	if err != nil {
		return nil, err
	}
	account, err := in.Body.check()
	if err != nil {
		return nil, err
	}
	hash, err := s.passwords.hash(ctx, account.Password)
	if err != nil {
		return nil, err
	}
	owner, err := s.store.Setup(ctx, store.SetupParams{
		Workspace: workspace, Username: account.Username, DisplayName: account.DisplayName, PasswordHash: hash,
	})
	if err != nil {
		return nil, err
	}
	return s.beginSession(ctx, owner, hash)
}
